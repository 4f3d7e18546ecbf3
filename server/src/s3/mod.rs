//! The S3 protocol over the disk store: what `s3s` parsed becomes a call of [`Disk`], and back.

mod conditions;
mod errors;
mod read;
mod settings;
mod write;

use std::sync::Arc;

use s3s::dto::*;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use crate::access::Guard;
use crate::backend::{BucketSettings, Disk, StoreError};
use crate::clock::Clock;
use crate::cors;
use errors::blocking;

/// The region this server says it is; any region in a signature is accepted.
pub(crate) const REGION: &str = "us-east-1";

/// The S3 operations on one disk store.
struct DiskS3 {
    disk: Arc<Disk>,
    clock: Arc<dyn Clock>,
}

/// The S3 service over `disk`, behind `guard`.
pub(crate) fn service(disk: Arc<Disk>, clock: Arc<dyn Clock>, guard: Guard) -> S3Service {
    let mut builder = S3ServiceBuilder::new(DiskS3 { disk, clock });
    builder.set_auth(guard.clone());
    builder.set_access(guard);
    builder.build()
}

#[async_trait::async_trait]
impl S3 for DiskS3 {
    async fn create_bucket(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let (disk, created_ms) = (self.disk.clone(), self.clock.now_ms());
        let bucket = req.input.bucket;
        let location = format!("/{bucket}");
        blocking(move || {
            let cors = cors::default_rules();
            disk.create_bucket(&bucket, BucketSettings { created_ms, cors, lifecycle: Vec::new() })
        })
        .await?;
        Ok(S3Response::new(CreateBucketOutput { location: Some(location) }))
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.disk.bucket(&req.input.bucket).map_err(errors::of)?;
        let bucket_region = Some(REGION.to_owned());
        Ok(S3Response::new(HeadBucketOutput { bucket_region, ..Default::default() }))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.disk.bucket(&req.input.bucket).map_err(errors::of)?;
        // S3 names us-east-1 by an empty constraint.
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint: None }))
    }

    async fn list_buckets(
        &self,
        _req: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let buckets = self.disk.buckets().into_iter().map(|(name, settings)| Bucket {
            name: Some(name),
            creation_date: Some(conditions::timestamp(settings.created_ms)),
            bucket_region: None,
        });
        let buckets = Some(buckets.collect());
        Ok(S3Response::new(ListBucketsOutput { buckets, ..Default::default() }))
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        write::put(&self.disk, self.clock.now_ms(), req).await
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        write::copy(&self.disk, self.clock.now_ms(), req.input).await
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        read::get(&self.disk, req.input).await
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        read::head(&self.disk, req.input).await
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        read::list(&self.disk, req.input).await
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let disk = self.disk.clone();
        let DeleteObjectInput { bucket, key, if_match, .. } = req.input;
        if if_match.is_some() {
            return Err(s3_error!(NotImplemented, "a DELETE takes no If-Match here"));
        }
        blocking(move || disk.delete(&bucket, &key, None)).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let disk = self.disk.clone();
        let DeleteObjectsInput { bucket, delete, .. } = req.input;
        let quiet = delete.quiet.unwrap_or(false);
        let (deleted, failed) = blocking(move || {
            disk.bucket(&bucket)?;
            let (mut deleted, mut failed) = (Vec::new(), Vec::new());
            for object in delete.objects {
                match disk.delete(&bucket, &object.key, None) {
                    Ok(_) => deleted.push(object.key),
                    Err(error) => failed.push((object.key, error)),
                }
            }
            Ok::<_, StoreError>((deleted, failed))
        })
        .await?;
        let failed = failed.into_iter().map(|(key, error)| {
            let error = errors::of(error);
            Error {
                key: Some(key),
                code: Some(error.code().as_str().to_owned()),
                message: error.message().map(ToOwned::to_owned),
                version_id: None,
            }
        });
        let deleted = deleted
            .into_iter()
            .filter(|_| !quiet)
            .map(|key| DeletedObject { key: Some(key), ..Default::default() });
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: Some(deleted.collect()),
            errors: Some(failed.collect()),
            ..Default::default()
        }))
    }

    async fn get_bucket_cors(
        &self,
        req: S3Request<GetBucketCorsInput>,
    ) -> S3Result<S3Response<GetBucketCorsOutput>> {
        let settings = self.disk.bucket(&req.input.bucket).map_err(errors::of)?;
        settings::get_cors(&settings).map(S3Response::new)
    }

    async fn put_bucket_cors(
        &self,
        req: S3Request<PutBucketCorsInput>,
    ) -> S3Result<S3Response<PutBucketCorsOutput>> {
        let rules = settings::cors_rules(req.input.cors_configuration.cors_rules)?;
        self.change_bucket(req.input.bucket, move |settings| settings.cors = rules).await?;
        Ok(S3Response::new(PutBucketCorsOutput::default()))
    }

    async fn delete_bucket_cors(
        &self,
        req: S3Request<DeleteBucketCorsInput>,
    ) -> S3Result<S3Response<DeleteBucketCorsOutput>> {
        self.change_bucket(req.input.bucket, |settings| settings.cors.clear()).await?;
        Ok(S3Response::new(DeleteBucketCorsOutput::default()))
    }

    async fn get_bucket_lifecycle_configuration(
        &self,
        req: S3Request<GetBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<GetBucketLifecycleConfigurationOutput>> {
        let settings = self.disk.bucket(&req.input.bucket).map_err(errors::of)?;
        settings::get_lifecycle(&settings).map(S3Response::new)
    }

    async fn put_bucket_lifecycle_configuration(
        &self,
        req: S3Request<PutBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<PutBucketLifecycleConfigurationOutput>> {
        let rules = settings::lifecycle_rules(req.input.lifecycle_configuration)?;
        self.change_bucket(req.input.bucket, move |settings| settings.lifecycle = rules).await?;
        Ok(S3Response::new(PutBucketLifecycleConfigurationOutput::default()))
    }

    async fn delete_bucket_lifecycle(
        &self,
        req: S3Request<DeleteBucketLifecycleInput>,
    ) -> S3Result<S3Response<DeleteBucketLifecycleOutput>> {
        self.change_bucket(req.input.bucket, |settings| settings.lifecycle.clear()).await?;
        Ok(S3Response::new(DeleteBucketLifecycleOutput::default()))
    }
}

impl DiskS3 {
    async fn change_bucket(
        &self,
        bucket: String,
        change: impl FnOnce(&mut BucketSettings) + Send + 'static,
    ) -> S3Result<()> {
        let disk = self.disk.clone();
        blocking(move || disk.change_bucket(&bucket, change)).await
    }
}
