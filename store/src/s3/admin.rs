//! What a bucket needs once: to exist, to expire its objects, to let browsers read it.

use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, CorsConfiguration, CorsRule,
    CreateBucketConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule as S3Rule,
    LifecycleRuleFilter,
};

use super::{DEFAULT_REGION, S3Store, not_built};
use crate::StoreError;

/// How long a browser may remember that it may read, in seconds.
const CORS_MAX_AGE_S: i32 = 3600;

/// Objects under a prefix go away after some days.
///
/// S3 counts in days rounded up to the next midnight UTC and deletes later still, so this is a
/// backstop, never a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleRule {
    /// Start of the keys, relative to the store's prefix; empty for all of them.
    pub prefix: String,
    /// Days after which an object expires; at least 1.
    pub days: u32,
}

impl S3Store {
    /// Creates the bucket when it is missing; true when it was.
    pub async fn ensure_bucket(&self) -> Result<bool, StoreError> {
        let call = self.call("HeadBucket", "");
        let request = self.client.head_bucket().bucket(&self.bucket).customize();
        match request.interceptor(call.attempts.clone()).send().await {
            Ok(_) => return Ok(false),
            Err(error) => match call.explain(error) {
                StoreError::NotFound { .. } => {}
                error => return Err(error),
            },
        }
        let call = self.call("CreateBucket", "");
        let mut request = self.client.create_bucket().bucket(&self.bucket);
        // AWS refuses its own default region by name.
        if self.region != DEFAULT_REGION {
            let place = BucketLocationConstraint::from(self.region.as_str());
            let location = CreateBucketConfiguration::builder().location_constraint(place);
            request = request.create_bucket_configuration(location.build());
        }
        match request.customize().interceptor(call.attempts.clone()).send().await {
            Ok(_) => Ok(true),
            Err(error) => {
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_bucket_already_owned_by_you())
                {
                    return Ok(false);
                }
                if error.as_service_error().is_some_and(|error| error.is_bucket_already_exists()) {
                    return Err(StoreError::InvalidConfig {
                        reason: format!(
                            "the bucket name '{}' belongs to someone else; choose another",
                            self.bucket
                        ),
                    });
                }
                Err(call.explain(error))
            }
        }
    }

    /// Sets this store's expiry rules in place of those it set before.
    ///
    /// S3 knows one rule set per bucket; rules of others in it (other ids) are kept as they are.
    pub async fn put_lifecycle(&self, rules: &[LifecycleRule]) -> Result<(), StoreError> {
        let call = self.call("PutBucketLifecycleConfiguration", "");
        let own = self.rule_id("");
        let mut all = self.bucket_rules().await?;
        all.retain(|rule| !rule.id().is_some_and(|id| id.starts_with(&own)));
        for rule in rules {
            all.push(self.s3_rule(rule)?);
        }
        if all.is_empty() {
            let call = self.call("DeleteBucketLifecycle", "");
            let request = self.client.delete_bucket_lifecycle().bucket(&self.bucket).customize();
            let sent = request.interceptor(call.attempts.clone()).send().await;
            return sent.map(drop).map_err(|error| call.explain(error));
        }
        let configuration = BucketLifecycleConfiguration::builder().set_rules(Some(all));
        let sent = self
            .client
            .put_bucket_lifecycle_configuration()
            .bucket(&self.bucket)
            .lifecycle_configuration(configuration.build().map_err(|e| not_built(&call, &e))?)
            .customize()
            .interceptor(call.attempts.clone())
            .send()
            .await;
        sent.map(drop).map_err(|error| call.explain(error))
    }

    /// The enabled rules that expire objects by prefix and days within this store's prefix,
    /// whoever set them.
    pub async fn get_lifecycle(&self) -> Result<Vec<LifecycleRule>, StoreError> {
        let rules = self.bucket_rules().await?;
        Ok(rules.iter().filter_map(|rule| self.own_terms(rule)).collect())
    }

    /// Lets pages of `origins` (such as `https://player.example`, or `*`) read the bucket.
    ///
    /// Replaces the bucket's CORS rules. MinIO has none per bucket and gives
    /// [`StoreError::Unsupported`]; it takes `MINIO_API_CORS_ALLOW_ORIGIN` instead.
    pub async fn put_cors(&self, origins: &[String]) -> Result<(), StoreError> {
        let call = self.call("PutBucketCors", "");
        let rule = CorsRule::builder()
            .set_allowed_origins(Some(origins.to_vec()))
            .set_allowed_methods(Some(vec!["GET".to_owned(), "HEAD".to_owned()]))
            .allowed_headers("*")
            .set_expose_headers(Some(
                ["Content-Length", "Content-Range", "Date", "ETag"].map(str::to_owned).to_vec(),
            ))
            .max_age_seconds(CORS_MAX_AGE_S)
            .build()
            .map_err(|error| not_built(&call, &error))?;
        let rules = CorsConfiguration::builder().cors_rules(rule).build();
        let sent = self
            .client
            .put_bucket_cors()
            .bucket(&self.bucket)
            .cors_configuration(rules.map_err(|error| not_built(&call, &error))?)
            .customize()
            .interceptor(call.attempts.clone())
            .send()
            .await;
        sent.map(drop).map_err(|error| call.explain(error))
    }

    async fn bucket_rules(&self) -> Result<Vec<S3Rule>, StoreError> {
        let call = self.call("GetBucketLifecycleConfiguration", "");
        let request = self.client.get_bucket_lifecycle_configuration().bucket(&self.bucket);
        match request.customize().interceptor(call.attempts.clone()).send().await {
            Ok(output) => Ok(output.rules().to_vec()),
            Err(error) => match call.explain(error) {
                StoreError::Other { code: Some(code), .. }
                    if code == "NoSuchLifecycleConfiguration" =>
                {
                    Ok(Vec::new())
                }
                error => Err(error),
            },
        }
    }

    /// Ids tell our rules from others', and several stores in one bucket from each other.
    fn rule_id(&self, prefix: &str) -> String {
        format!("deskreel:{}:{prefix}", self.prefix.as_str())
    }

    fn s3_rule(&self, rule: &LifecycleRule) -> Result<S3Rule, StoreError> {
        let call = self.call("PutBucketLifecycleConfiguration", &rule.prefix);
        let days = i32::try_from(rule.days).ok().filter(|days| *days >= 1).ok_or_else(|| {
            StoreError::InvalidConfig {
                reason: format!("objects cannot expire after {} days; 1 is the least", rule.days),
            }
        })?;
        S3Rule::builder()
            .id(self.rule_id(&rule.prefix))
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix(self.prefix.join(&rule.prefix)).build())
            .expiration(LifecycleExpiration::builder().days(days).build())
            .build()
            .map_err(|error| not_built(&call, &error))
    }

    fn own_terms(&self, rule: &S3Rule) -> Option<LifecycleRule> {
        if *rule.status() != ExpirationStatus::Enabled {
            return None;
        }
        let days = u32::try_from(rule.expiration()?.days()?).ok()?;
        let full = match rule.filter() {
            // Rules narrowed by tags or sizes do not cover the prefix.
            Some(filter) if filter.and().is_some() || filter.tag().is_some() => return None,
            Some(filter) if is_by_size(filter) => return None,
            Some(filter) => filter.prefix().unwrap_or_default(),
            None => old_form_prefix(rule),
        };
        Some(LifecycleRule { prefix: self.prefix.relative(full)?.to_owned(), days })
    }
}

fn is_by_size(filter: &LifecycleRuleFilter) -> bool {
    filter.object_size_greater_than().is_some() || filter.object_size_less_than().is_some()
}

/// Rules written before filters existed carry the prefix themselves; none is the whole bucket.
#[allow(deprecated)]
fn old_form_prefix(rule: &S3Rule) -> &str {
    rule.prefix().unwrap_or_default()
}
