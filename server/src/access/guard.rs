//! The check at the door of the S3 service: root may do everything, a temporary key what its
//! grant says, nobody else anything.

use std::sync::Arc;

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{ListObjectsV2Input, PutObjectInput};
use s3s::path::S3Path;
use s3s::{S3Request, S3Result, s3_error};

use super::{BadKey, Grant, RootCredentials, parse};
use crate::clock::Clock;
use crate::grant::policy::{readable, readable_key, writable};

/// Mark on a PUT request whose sender may not replace anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CreateOnly;

/// Knows the keys and what they allow.
#[derive(Clone)]
pub(crate) struct Guard {
    root: RootCredentials,
    /// The bucket grants are about.
    bucket: String,
    clock: Arc<dyn Clock>,
}

impl Guard {
    pub(crate) fn new(root: RootCredentials, bucket: String, clock: Arc<dyn Clock>) -> Self {
        Self { root, bucket, clock }
    }

    /// What the key with this id is limited to; `None` if it is the root key.
    fn limits(&self, access_key_id: &str) -> S3Result<Option<Grant>> {
        if access_key_id == self.root.access_key_id {
            return Ok(None);
        }
        Ok(Some(self.parse(access_key_id)?.0))
    }

    fn parse(&self, access_key_id: &str) -> S3Result<(Grant, super::ScopedKey)> {
        parse(&self.root.secret_access_key, access_key_id, self.clock.now_ms()).map_err(|bad| {
            match bad {
                BadKey::NotOurs | BadKey::Forged => s3_error!(InvalidAccessKeyId, "{bad}"),
                BadKey::Expired => s3_error!(ExpiredToken, "{bad}"),
            }
        })
    }

    fn limits_of<T>(&self, request: &S3Request<T>) -> S3Result<Option<Grant>> {
        let credentials = request.credentials.as_ref().ok_or_else(unsigned)?;
        self.limits(&credentials.access_key)
    }
}

/// Whether a key limited to `grant` may do `operation` (S3's name of it) on this object.
fn admits_object(grant: &Grant, operation: &str, key: &str) -> bool {
    match operation {
        "GetObject" | "HeadObject" => {
            let mut prefixes = readable(grant).into_iter();
            prefixes.any(|prefix| key.starts_with(&prefix)) || readable_key(grant) == Some(key)
        }
        "PutObject" => writable(grant).iter().any(|prefix| key.starts_with(prefix)),
        _ => false,
    }
}

/// Whether a key limited to `grant` may list the keys that start with `prefix`.
fn admits_listing(grant: &Grant, prefix: &str) -> bool {
    readable(grant).iter().any(|own| prefix.starts_with(own))
}

fn unsigned() -> s3s::S3Error {
    s3_error!(AccessDenied, "the request is not signed; sign it with an access key of this server")
}

fn refused() -> s3s::S3Error {
    s3_error!(AccessDenied, "this access key is not granted that operation on that name")
}

#[async_trait::async_trait]
impl S3Auth for Guard {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.root.access_key_id {
            return Ok(self.root.secret_access_key.clone().into());
        }
        Ok(self.parse(access_key)?.1.secret_access_key.into())
    }
}

#[async_trait::async_trait]
impl S3Access for Guard {
    /// Runs before every operation, so what is not named here is refused to temporary keys.
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let credentials = cx.credentials().ok_or_else(unsigned)?;
        let Some(grant) = self.limits(&credentials.access_key)? else { return Ok(()) };
        let operation = cx.s3_op().name();
        let admitted = match cx.s3_path() {
            S3Path::Object { bucket, key } => {
                **bucket == *self.bucket && admits_object(&grant, operation, key)
            }
            // The prefix is checked below, when the query has been parsed.
            S3Path::Bucket { bucket } => **bucket == *self.bucket && operation == "ListObjectsV2",
            S3Path::Root => false,
        };
        if admitted { Ok(()) } else { Err(refused()) }
    }

    async fn list_objects_v2(&self, request: &mut S3Request<ListObjectsV2Input>) -> S3Result<()> {
        let Some(grant) = self.limits_of(request)? else { return Ok(()) };
        let prefix = request.input.prefix.as_deref().unwrap_or_default();
        if admits_listing(&grant, prefix) { Ok(()) } else { Err(refused()) }
    }

    async fn put_object(&self, request: &mut S3Request<PutObjectInput>) -> S3Result<()> {
        // An index is a cache that anyone can make anew from the segments; a late segment changes it.
        let is_index = request.input.key.starts_with("index/");
        if self.limits_of(request)?.is_some() && !is_index {
            request.extensions.insert(CreateOnly);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    fn grant(role: Role) -> Grant {
        Grant { role, stream: "desk".parse().unwrap(), expires_at_ms: 0 }
    }

    #[test]
    fn a_view_key_reads_its_stream_and_the_commons_and_no_more() {
        let view = grant(Role::View);
        for key in
            ["segments/desk/x", "index/desk/2026-01-01/00", "storyboards/desk/x", "commons/packs/x"]
        {
            assert!(admits_object(&view, "GetObject", key), "{key}");
            assert!(!admits_object(&view, "PutObject", key), "{key}");
            assert!(!admits_object(&view, "DeleteObject", key), "{key}");
            assert!(!admits_object(&view, "GetObjectAcl", key), "{key}");
        }
        for key in [
            "commons/index",
            "commons/candidates/desk/x",
            "commons/x",
            "segments/desk",
            "segments/desk2/x",
            "segments/other/x",
            "player/x",
            "x",
            "",
        ] {
            assert!(!admits_object(&view, "GetObject", key), "{key}");
        }
    }

    #[test]
    fn an_upload_key_stores_and_reads_its_stream_and_no_more() {
        let upload = grant(Role::Upload);
        for key in ["segments/desk/x", "index/desk/x", "storyboards/desk/x"] {
            assert!(admits_object(&upload, "PutObject", key), "{key}");
            assert!(admits_object(&upload, "GetObject", key), "{key}");
            assert!(!admits_object(&upload, "DeleteObject", key), "{key}");
            assert!(!admits_object(&upload, "CopyObject", key), "{key}");
        }
        assert!(admits_object(&upload, "GetObject", "commons/index"));
        assert!(!admits_object(&upload, "PutObject", "commons/index"));
        assert!(admits_object(&upload, "PutObject", "commons/candidates/desk/x"));
        assert!(!admits_object(&upload, "GetObject", "commons/candidates/desk/x"));
        for key in [
            "commons/packs/x",
            "commons/indexes",
            "commons/candidates/other/x",
            "segments/other/x",
            "segments/deskx",
        ] {
            assert!(!admits_object(&upload, "PutObject", key), "{key}");
            assert!(!admits_object(&upload, "GetObject", key), "{key}");
        }
    }

    #[test]
    fn a_listing_must_stay_inside_the_grant() {
        let view = grant(Role::View);
        for prefix in ["segments/desk/", "segments/desk/2026", "index/desk/", "commons/packs/"] {
            assert!(admits_listing(&view, prefix), "{prefix}");
        }
        for prefix in [
            "",
            "segments/",
            "segments/desk",
            "segments/other/",
            "s",
            "commons/",
            "commons/candidates/desk/",
        ] {
            assert!(!admits_listing(&view, prefix), "{prefix}");
        }
        assert!(!admits_listing(&grant(Role::Upload), "commons/packs/"));
    }
}
