//! PutObject and CopyObject.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use axum::http::HeaderMap;
use bytes::Bytes;
use futures_util::StreamExt;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, TrailingHeaders, s3_error};

use super::conditions::{Conditions, Verdict, timestamp};
use super::errors::{self, blocking};
use crate::access::CreateOnly;
use crate::backend::{Algorithm, Condition, Disk, Headers, Promise, StoreError};

/// Bytes gathered before a thread is asked to write them; nearly every segment fits whole.
const BATCH_BYTES: usize = 1 << 20;

pub(super) async fn put(
    disk: &Arc<Disk>,
    now_ms: i64,
    mut req: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let create_only = req.extensions.get::<CreateOnly>().is_some();
    let condition = put_condition(&req.input, create_only)?;
    let mut promise = promise_of(&req.input)?;
    let trailing = promised_trailers(&req.headers)?;
    let algorithms: Vec<Algorithm> = promise.checksums.keys().chain(&trailing).copied().collect();
    let body = req.input.body.take();
    let headers = headers_of(&mut req.input);
    let PutObjectInput { bucket, key, .. } = req.input;

    // Early, so that a stranger to the bucket does not fill the disk first.
    disk.bucket(&bucket).map_err(errors::of)?;
    let begun = {
        let disk = disk.clone();
        blocking(move || disk.begin(&algorithms)).await?
    };
    let (mut upload, rest) = match body {
        Some(body) => receive(begun, body).await?,
        None => (begun, Vec::new()),
    };
    promise.checksums.extend(read_trailers(&trailing, req.trailing_headers.as_ref())?);

    let disk = disk.clone();
    let info = blocking(move || {
        for chunk in &rest {
            upload.write(chunk)?;
        }
        disk.finish(upload, (&bucket, &key), headers, &promise, &condition, now_ms)
    })
    .await?;
    let sum = |algorithm: Algorithm| info.checksums.get(algorithm.name()).cloned();
    Ok(S3Response::new(PutObjectOutput {
        checksum_crc32: sum(Algorithm::Crc32),
        checksum_crc32c: sum(Algorithm::Crc32c),
        checksum_crc64nvme: sum(Algorithm::Crc64nvme),
        checksum_sha1: sum(Algorithm::Sha1),
        checksum_sha256: sum(Algorithm::Sha256),
        e_tag: Some(ETag::Strong(info.etag)),
        ..Default::default()
    }))
}

/// Takes the body in; hands back the upload and the last bytes, not yet written. If the client goes
/// away, the upload is dropped and with it its temporary file.
async fn receive(
    mut upload: crate::backend::Upload,
    mut body: StreamingBlob,
) -> S3Result<(crate::backend::Upload, Vec<Bytes>)> {
    let (mut batch, mut size) = (Vec::new(), 0);
    while let Some(chunk) = body.next().await {
        // Cut off, wrongly signed, or not what x-amz-content-sha256 promised.
        let chunk = chunk.map_err(|error| {
            s3_error!(IncompleteBody, "the body did not arrive as signed: {error}; send it again")
        })?;
        size += chunk.len();
        batch.push(chunk);
        if size >= BATCH_BYTES {
            let chunks = std::mem::take(&mut batch);
            size = 0;
            upload = blocking(move || {
                for chunk in &chunks {
                    upload.write(chunk)?;
                }
                Ok(upload)
            })
            .await?;
        }
    }
    Ok((upload, batch))
}

fn put_condition(input: &PutObjectInput, create_only: bool) -> S3Result<Condition> {
    match (&input.if_none_match, &input.if_match) {
        (Some(ETagCondition::Any), None) => Ok(Condition::Absent),
        (None, None) if create_only => Ok(Condition::Absent),
        (None, Some(ETagCondition::ETag(etag))) if !create_only => {
            Ok(Condition::Etag(etag.value().to_owned()))
        }
        (None, None) => Ok(Condition::Always),
        (_, Some(_)) if create_only => {
            Err(s3_error!(AccessDenied, "this access key may create objects, not replace them"))
        }
        _ => Err(s3_error!(
            NotImplemented,
            "conditions of a PUT: If-None-Match: *, or If-Match with an ETag"
        )),
    }
}

fn promise_of(input: &PutObjectInput) -> S3Result<Promise> {
    let length = match input.content_length {
        Some(length) => Some(
            u64::try_from(length)
                .map_err(|_| s3_error!(InvalidArgument, "negative Content-Length"))?,
        ),
        None => None,
    };
    let checksums = [
        (Algorithm::Crc32, &input.checksum_crc32),
        (Algorithm::Crc32c, &input.checksum_crc32c),
        (Algorithm::Crc64nvme, &input.checksum_crc64nvme),
        (Algorithm::Sha1, &input.checksum_sha1),
        (Algorithm::Sha256, &input.checksum_sha256),
    ];
    let checksums = checksums
        .into_iter()
        .filter_map(|(algorithm, sum)| Some((algorithm, sum.clone()?)))
        .collect();
    Ok(Promise { length, md5: input.content_md5.clone(), checksums })
}

/// The checksums announced to follow the body.
fn promised_trailers(headers: &HeaderMap) -> S3Result<Vec<Algorithm>> {
    let mut algorithms = Vec::new();
    for value in headers.get_all("x-amz-trailer") {
        let names =
            value.to_str().map_err(|_| s3_error!(InvalidRequest, "x-amz-trailer is not text"))?;
        for name in names.split(',').map(|name| name.trim().to_ascii_lowercase()) {
            let Some(sum) = name.strip_prefix("x-amz-checksum-") else { continue };
            let known = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == sum);
            // A promise that cannot be checked must not be taken for kept.
            algorithms.push(known.ok_or_else(|| {
                s3_error!(NotImplemented, "checksum `{sum}` is not known here; use crc32 or sha256")
            })?);
        }
    }
    Ok(algorithms)
}

fn read_trailers(
    announced: &[Algorithm],
    trailers: Option<&TrailingHeaders>,
) -> S3Result<BTreeMap<Algorithm, String>> {
    let mut sums = BTreeMap::new();
    for algorithm in announced {
        let name = format!("x-amz-checksum-{}", algorithm.name());
        let sum = trailers
            .and_then(|trailers| {
                trailers.read(|all| all.get(&name)?.to_str().ok().map(str::to_owned))
            })
            .flatten();
        let sum = sum.ok_or_else(|| {
            s3_error!(InvalidRequest, "`{name}` was announced and did not follow the body")
        })?;
        sums.insert(*algorithm, sum);
    }
    Ok(sums)
}

fn headers_of(input: &mut PutObjectInput) -> Headers {
    Headers {
        content_type: input.content_type.take(),
        cache_control: input.cache_control.take(),
        content_encoding: input.content_encoding.take(),
        content_disposition: input.content_disposition.take(),
        content_language: input.content_language.take(),
        user: input.metadata.take().unwrap_or_default().into_iter().collect(),
    }
}

pub(super) async fn copy(
    disk: &Arc<Disk>,
    now_ms: i64,
    input: CopyObjectInput,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let CopySource::Bucket { bucket: from_bucket, key: from_key, version_id: None } =
        input.copy_source
    else {
        return Err(s3_error!(
            NotImplemented,
            "copies come from a bucket and key, without versions"
        ));
    };
    let conditions = Conditions {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    let replacing = input
        .metadata_directive
        .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
    let replacement = Headers {
        content_type: input.content_type,
        cache_control: input.cache_control,
        content_encoding: input.content_encoding,
        content_disposition: input.content_disposition,
        content_language: input.content_language,
        user: input.metadata.unwrap_or_default().into_iter().collect(),
    };
    let (bucket, key) = (input.bucket, input.key);
    let disk = disk.clone();
    let info = blocking(move || {
        let (file, source) = disk.open_object(&from_bucket, &from_key)?;
        if conditions.verdict(&source) != Verdict::Send {
            return Err(StoreError::ConditionFailed { key: source.key });
        }
        let mut upload = disk.begin(&[])?;
        let (mut data, mut buffer) = (rewound(file)?.take(source.size), vec![0; BATCH_BYTES]);
        loop {
            match data.read(&mut buffer)? {
                0 => break,
                n => upload.write(&buffer[..n])?,
            }
        }
        let headers = if replacing { replacement } else { source.headers };
        let promise = Promise { length: Some(source.size), ..Promise::default() };
        disk.finish(upload, (&bucket, &key), headers, &promise, &Condition::Always, now_ms)
    })
    .await?;
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(CopyObjectResult {
            e_tag: Some(ETag::Strong(info.etag)),
            last_modified: Some(timestamp(info.modified_ms)),
            ..Default::default()
        }),
        ..Default::default()
    }))
}

fn rewound(mut file: std::fs::File) -> std::io::Result<std::fs::File> {
    std::io::Seek::rewind(&mut file)?;
    Ok(file)
}
