//! The Lambda function `grant`: the server's API behind API Gateway or a function URL.

use std::sync::Arc;

use anyhow::{Context, bail};
use deskreel_functions::{ColdStart, http, variable};
use deskreel_server::clock::SystemClock;
use deskreel_server::grant::{Sts, StsConfig};
use deskreel_server::token::{
    AUDIENCE, KeyRing, KeySource, OidcIssuer, Revocations, Trust, Verifier,
};
use deskreel_server::{Api, Door, api_router};
use deskreel_store::ObjectStore;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

/// Where the bucket has the server's own keys. Nobody but the operator may read it.
const KEYS: &str = "access/keys.json";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let start = ColdStart::begin().await?;
    let router = api_router(Arc::new(api(&start).await?));
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let router = router.clone();
        async move { Ok::<Value, Error>(http::answer(router, &event.payload).await) }
    }))
    .await
}

async fn api(start: &ColdStart) -> anyhow::Result<Api> {
    let trust = Trust { own: own(start).await?, audience: AUDIENCE.to_owned(), oidc: oidc()? };
    if trust.own.is_none() && trust.oidc.is_none() {
        bail!(
            "nobody's tokens count: set DESKREEL_OIDC_ISSUER and DESKREEL_OIDC_JWKS, or store {KEYS}"
        );
    }
    let prefix = match start.config.prefix.trim_matches('/') {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let longest = variable("DESKREEL_MAX_GRANT_S").map_or(Ok(3600), |text| text.parse::<i64>());
    let config = StsConfig {
        bucket: start.config.bucket.clone(),
        prefix,
        endpoint: variable("DESKREEL_ENDPOINT"),
        public_endpoint: variable("DESKREEL_PUBLIC_ENDPOINT"),
        region: variable("AWS_REGION"),
        role_arn: variable("DESKREEL_ROLE_ARN"),
        longest_s: longest.context("DESKREEL_MAX_GRANT_S is a number of seconds")?,
        static_keys: None,
    };
    let revoked = Revocations::in_bucket(start.store.clone());
    Ok(Api {
        bucket: Arc::new(Sts::connect(config, start.store.clone()).await),
        door: Door { operator: None, tokens: Some(Verifier::new(trust, revoked)) },
        clock: Arc::new(SystemClock),
    })
}

/// The server's own keys, read once per instance.
async fn own(start: &ColdStart) -> anyhow::Result<Option<KeyRing>> {
    match start.store.get(KEYS, None).await {
        Ok(object) => Ok(Some(KeyRing::parse(&String::from_utf8_lossy(&object.bytes), KEYS)?)),
        Err(deskreel_store::StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error).context(KEYS),
    }
}

fn oidc() -> anyhow::Result<Option<OidcIssuer>> {
    let (issuer, keys) = (variable("DESKREEL_OIDC_ISSUER"), variable("DESKREEL_OIDC_JWKS"));
    let (Some(issuer), Some(keys)) = (issuer, keys) else { return Ok(None) };
    let keys = KeySource::parse(&keys).context("DESKREEL_OIDC_JWKS")?;
    let audience = variable("DESKREEL_OIDC_AUDIENCE").unwrap_or_else(|| AUDIENCE.to_owned());
    Ok(Some(OidcIssuer { issuer, audience, keys }))
}
