//! Bucket settings between S3's form and ours. What cannot be obeyed is refused, not forgotten.

use s3s::dto::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, CORSRule, ExpirationStatus,
    GetBucketCorsOutput, GetBucketLifecycleConfigurationOutput, LifecycleExpiration,
    LifecycleRule as S3LifecycleRule, LifecycleRuleFilter,
};
use s3s::{S3Result, s3_error};

use crate::backend::BucketSettings;
use crate::cors::CorsRule;
use crate::lifecycle::LifecycleRule;

/// S3's limits of rules per bucket.
const MAX_CORS_RULES: usize = 100;
const MAX_LIFECYCLE_RULES: usize = 1000;

pub(super) fn cors_rules(rules: Vec<CORSRule>) -> S3Result<Vec<CorsRule>> {
    if rules.is_empty() || rules.len() > MAX_CORS_RULES {
        return Err(s3_error!(
            MalformedXML,
            "a CORS configuration has 1 to {MAX_CORS_RULES} rules"
        ));
    }
    Ok(rules
        .into_iter()
        .map(|rule| CorsRule {
            id: rule.id,
            origins: rule.allowed_origins,
            methods: rule.allowed_methods,
            request_headers: rule.allowed_headers.unwrap_or_default(),
            expose_headers: rule.expose_headers.unwrap_or_default(),
            max_age_s: rule.max_age_seconds,
        })
        .collect())
}

pub(super) fn get_cors(settings: &BucketSettings) -> S3Result<GetBucketCorsOutput> {
    if settings.cors.is_empty() {
        return Err(s3_error!(NoSuchCORSConfiguration, "the bucket has no CORS configuration"));
    }
    let rules = settings.cors.iter().cloned().map(|rule| CORSRule {
        id: rule.id,
        allowed_origins: rule.origins,
        allowed_methods: rule.methods,
        allowed_headers: Some(rule.request_headers),
        expose_headers: Some(rule.expose_headers),
        max_age_seconds: rule.max_age_s,
    });
    Ok(GetBucketCorsOutput { cors_rules: Some(rules.collect()) })
}

pub(super) fn lifecycle_rules(
    configuration: Option<BucketLifecycleConfiguration>,
) -> S3Result<Vec<LifecycleRule>> {
    let rules = configuration.map(|configuration| configuration.rules).unwrap_or_default();
    if rules.is_empty() || rules.len() > MAX_LIFECYCLE_RULES {
        return Err(s3_error!(
            MalformedXML,
            "a lifecycle configuration has 1 to {MAX_LIFECYCLE_RULES} rules"
        ));
    }
    rules.into_iter().map(lifecycle_rule).collect()
}

fn lifecycle_rule(rule: S3LifecycleRule) -> S3Result<LifecycleRule> {
    let unsupported = |what: &str| {
        Err(s3_error!(
            NotImplemented,
            "lifecycle: {what} is not supported here; use Prefix and Days"
        ))
    };
    if rule.transitions.is_some() || rule.noncurrent_version_transitions.is_some() {
        return unsupported("a transition");
    }
    if rule.noncurrent_version_expiration.is_some() {
        return unsupported("expiry of old versions");
    }
    let days = match rule.expiration {
        Some(LifecycleExpiration { date: Some(_), .. }) => return unsupported("a date"),
        Some(LifecycleExpiration { expired_object_delete_marker: Some(true), .. }) => {
            return unsupported("expiry of delete markers");
        }
        Some(LifecycleExpiration { days: Some(days), .. }) => match u32::try_from(days) {
            Ok(days) if days > 0 => Some(days),
            _ => return Err(s3_error!(InvalidArgument, "lifecycle: Days must be at least 1")),
        },
        _ => None,
    };
    let prefix = match rule.filter {
        Some(filter) => {
            let and = filter.and.unwrap_or_default();
            let by_size = [
                filter.object_size_greater_than,
                filter.object_size_less_than,
                and.object_size_greater_than,
                and.object_size_less_than,
            ];
            if filter.tag.is_some() || and.tags.is_some_and(|tags| !tags.is_empty()) {
                return unsupported("a filter by tag");
            }
            if by_size.iter().any(Option::is_some) {
                return unsupported("a filter by size");
            }
            filter.prefix.or(and.prefix)
        }
        None => rule.prefix,
    };
    Ok(LifecycleRule {
        id: rule.id,
        enabled: rule.status.as_str() == ExpirationStatus::ENABLED,
        prefix: prefix.unwrap_or_default(),
        days,
        abort_uploads_days: rule
            .abort_incomplete_multipart_upload
            .and_then(|abort| abort.days_after_initiation),
    })
}

pub(super) fn get_lifecycle(
    settings: &BucketSettings,
) -> S3Result<GetBucketLifecycleConfigurationOutput> {
    if settings.lifecycle.is_empty() {
        return Err(s3_error!(NoSuchLifecycleConfiguration, "the bucket has no lifecycle rules"));
    }
    let rules = settings.lifecycle.iter().cloned().map(|rule| S3LifecycleRule {
        abort_incomplete_multipart_upload: rule
            .abort_uploads_days
            .map(|days| AbortIncompleteMultipartUpload { days_after_initiation: Some(days) }),
        expiration: rule.days.map(|days| LifecycleExpiration {
            days: i32::try_from(days).ok(),
            ..Default::default()
        }),
        filter: Some(LifecycleRuleFilter { prefix: Some(rule.prefix), ..Default::default() }),
        id: rule.id,
        noncurrent_version_expiration: None,
        noncurrent_version_transitions: None,
        prefix: None,
        status: ExpirationStatus::from_static(if rule.enabled {
            ExpirationStatus::ENABLED
        } else {
            ExpirationStatus::DISABLED
        }),
        transitions: None,
    });
    Ok(GetBucketLifecycleConfigurationOutput { rules: Some(rules.collect()), ..Default::default() })
}
