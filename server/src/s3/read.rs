//! GetObject, HeadObject and ListObjectsV2.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range as Span;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use futures_util::stream;
use s3s::dto::*;
use s3s::{Body, S3Error, S3ErrorCode, S3Response, S3Result, s3_error};

use super::conditions::{Conditions, Verdict, timestamp};
use super::errors::blocking;
use crate::backend::{Algorithm, Disk, Listed, ObjectInfo, Query, StoreError, Token};

/// Bytes read and sent at a time; nearly every answer is one such piece.
const PIECE_BYTES: u64 = 1 << 20;

/// S3's own limit of keys on a page.
const MAX_KEYS: i32 = 1000;

pub(super) async fn get(
    disk: &Arc<Disk>,
    input: GetObjectInput,
) -> S3Result<S3Response<GetObjectOutput>> {
    let GetObjectInput { bucket, key, range, .. } = input;
    let (file, info) = open(disk, bucket, key).await?;
    let conditions = Conditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    check(&conditions, &info)?;
    let span = match range {
        Some(range) => range.check(info.size).map_err(|_| unsatisfiable(&info))?,
        None => 0..info.size,
    };
    // Checksums are of the whole object, so a part is sent without.
    let with_sums = input.checksum_mode.is_some() && range.is_none();
    let sum =
        |algorithm: Algorithm| info.checksums.get(algorithm.name()).filter(|_| with_sums).cloned();
    let mut output = GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: info.headers.cache_control.clone(),
        checksum_crc32: sum(Algorithm::Crc32),
        checksum_crc32c: sum(Algorithm::Crc32c),
        checksum_crc64nvme: sum(Algorithm::Crc64nvme),
        checksum_sha1: sum(Algorithm::Sha1),
        checksum_sha256: sum(Algorithm::Sha256),
        content_disposition: info.headers.content_disposition.clone(),
        content_encoding: info.headers.content_encoding.clone(),
        content_language: info.headers.content_language.clone(),
        content_length: i64::try_from(span.end - span.start).ok(),
        content_range: range
            .map(|_| format!("bytes {}-{}/{}", span.start, span.end - 1, info.size)),
        content_type: Some(content_type(&info)),
        e_tag: Some(ETag::Strong(info.etag.clone())),
        last_modified: Some(timestamp(info.modified_ms)),
        metadata: user_metadata(&info),
        ..Default::default()
    };
    output.body = Some(read_span(file, span).await?);
    Ok(S3Response::new(output))
}

pub(super) async fn head(
    disk: &Arc<Disk>,
    input: HeadObjectInput,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let (_, info) = open(disk, input.bucket, input.key).await?;
    let conditions = Conditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    check(&conditions, &info)?;
    let with_sums = input.checksum_mode.is_some();
    let sum =
        |algorithm: Algorithm| info.checksums.get(algorithm.name()).filter(|_| with_sums).cloned();
    Ok(S3Response::new(HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: info.headers.cache_control.clone(),
        checksum_crc32: sum(Algorithm::Crc32),
        checksum_crc32c: sum(Algorithm::Crc32c),
        checksum_crc64nvme: sum(Algorithm::Crc64nvme),
        checksum_sha1: sum(Algorithm::Sha1),
        checksum_sha256: sum(Algorithm::Sha256),
        content_disposition: info.headers.content_disposition.clone(),
        content_encoding: info.headers.content_encoding.clone(),
        content_language: info.headers.content_language.clone(),
        content_length: i64::try_from(info.size).ok(),
        content_type: Some(content_type(&info)),
        e_tag: Some(ETag::Strong(info.etag.clone())),
        last_modified: Some(timestamp(info.modified_ms)),
        metadata: user_metadata(&info),
        ..Default::default()
    }))
}

pub(super) async fn list(
    disk: &Arc<Disk>,
    input: ListObjectsV2Input,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let max_keys = input.max_keys.unwrap_or(MAX_KEYS).clamp(0, MAX_KEYS);
    let token = match &input.continuation_token {
        Some(text) => Some(Token::decode(text).ok_or_else(|| {
            s3_error!(InvalidArgument, "the continuation token is not one this server gave out")
        })?),
        None => None,
    };
    let query = Query {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().unwrap_or_default(),
        start_after: input.start_after.clone(),
        token,
        max_keys: usize::try_from(max_keys).unwrap_or(0),
    };
    let (disk, bucket) = (disk.clone(), input.bucket.clone());
    let listed: Listed = blocking(move || disk.list(&bucket, &query)).await?;

    let as_url =
        input.encoding_type.as_ref().is_some_and(|kind| kind.as_str() == EncodingType::URL);
    let shown = |text: String| if as_url { percent_encoded(&text) } else { text };
    let contents: Vec<Object> = listed
        .objects
        .into_iter()
        .map(|info| Object {
            key: Some(shown(info.key)),
            size: i64::try_from(info.size).ok(),
            e_tag: Some(ETag::Strong(info.etag)),
            last_modified: Some(timestamp(info.modified_ms)),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Default::default()
        })
        .collect();
    let common_prefixes: Vec<CommonPrefix> = listed
        .common_prefixes
        .into_iter()
        .map(|prefix| CommonPrefix { prefix: Some(shown(prefix)) })
        .collect();
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        key_count: i32::try_from(contents.len() + common_prefixes.len()).ok(),
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        prefix: input.prefix.map(shown),
        delimiter: input.delimiter.map(shown),
        start_after: input.start_after.map(shown),
        max_keys: Some(max_keys),
        is_truncated: Some(listed.next.is_some()),
        next_continuation_token: listed.next.map(|token| token.encode()),
        continuation_token: input.continuation_token,
        encoding_type: input.encoding_type,
        ..Default::default()
    }))
}

async fn open(disk: &Arc<Disk>, bucket: String, key: String) -> S3Result<(File, ObjectInfo)> {
    let disk = disk.clone();
    blocking(move || disk.open_object(&bucket, &key)).await
}

fn check(conditions: &Conditions, info: &ObjectInfo) -> S3Result<()> {
    match conditions.verdict(info) {
        Verdict::Send => Ok(()),
        Verdict::Failed => Err(s3_error!(PreconditionFailed, "the object is not the one meant")),
        Verdict::NotModified => {
            let mut not_modified = S3Error::new(S3ErrorCode::NotModified);
            let mut headers = HeaderMap::new();
            if let Ok(etag) = HeaderValue::try_from(format!("\"{}\"", info.etag)) {
                headers.insert(header::ETAG, etag);
            }
            let cache_control = info.headers.cache_control.as_deref().map(HeaderValue::try_from);
            if let Some(Ok(value)) = cache_control {
                headers.insert(header::CACHE_CONTROL, value);
            }
            not_modified.set_headers(headers);
            Err(not_modified)
        }
    }
}

fn unsatisfiable(info: &ObjectInfo) -> S3Error {
    let mut error = s3_error!(InvalidRange, "the object has {} bytes", info.size);
    if let Ok(value) = HeaderValue::try_from(format!("bytes */{}", info.size)) {
        error.set_headers(HeaderMap::from_iter([(header::CONTENT_RANGE, value)]));
    }
    error
}

fn content_type(info: &ObjectInfo) -> String {
    // What S3 says of objects stored without a type.
    info.headers.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned())
}

fn user_metadata(info: &ObjectInfo) -> Option<Metadata> {
    let user = &info.headers.user;
    (!user.is_empty())
        .then(|| user.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Bytes of an object still to be read.
struct Unread {
    file: File,
    span: Span<u64>,
}

/// The bytes `span` of `file` as a body: at once if they are few, else piece by piece.
async fn read_span(file: File, span: Span<u64>) -> S3Result<StreamingBlob> {
    let unread = Unread { file, span };
    let (first, rest) = blocking(move || Ok::<_, StoreError>(read_piece(unread)?)).await?;
    let Some(rest) = rest else { return Ok(StreamingBlob::from(Body::from(first))) };
    let pieces = stream::try_unfold((Some(first), Some(rest)), |(ready, rest)| async {
        if let Some(piece) = ready {
            return Ok::<_, io::Error>(Some((piece, (None, rest))));
        }
        let Some(unread) = rest else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || read_piece(unread));
        let (piece, rest) = read.await.map_err(io::Error::other)??;
        Ok(Some((piece, (None, rest))))
    });
    Ok(StreamingBlob::wrap(pieces))
}

/// The first piece of what is unread, and the rest, if anything.
fn read_piece(unread: Unread) -> io::Result<(Bytes, Option<Unread>)> {
    let Unread { mut file, span } = unread;
    let end = span.end.min(span.start + PIECE_BYTES);
    let mut piece = vec![0; usize::try_from(end - span.start).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(span.start))?;
    file.read_exact(&mut piece)?;
    let rest = (end < span.end).then(|| Unread { file, span: end..span.end });
    Ok((Bytes::from(piece), rest))
}

/// What S3 means by `encoding-type=url`: so that any key fits XML.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
