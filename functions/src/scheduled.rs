//! Events that ask for work: schedules, new objects, a person's own JSON.

use std::fmt::Display;
use std::time::UNIX_EPOCH;

use deskreel_server::work::{Job, job};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::{Value, json};

/// Serves events with `work` until the instance ends. An event that asks for nothing is answered
/// with status 400; work that fails fails the invocation, so that Lambda tries again and alarms.
///
/// # Errors
/// When the Runtime API does not answer.
pub async fn serve<W, F, R, E>(work: W) -> Result<(), Error>
where
    W: Fn(Job, u64) -> F,
    F: Future<Output = Result<R, E>>,
    R: Serialize,
    E: Display,
{
    let work = &work;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<Value>| {
        let job = match job(&event.payload) {
            Ok(job) => job,
            Err(bad) => {
                tracing::warn!(%bad, "refused");
                return Ok::<Value, Error>(json!({ "statusCode": 400, "error": bad.to_string() }));
            }
        };
        let since = UNIX_EPOCH.elapsed().unwrap_or_default();
        let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        match work(job, now_ms).await {
            Ok(report) => {
                let report = serde_json::to_value(&report)?;
                tracing::info!(%report, "done");
                Ok(json!({ "statusCode": 200, "report": report }))
            }
            Err(error) => {
                tracing::error!(%error, "failed");
                Err(Error::from(error.to_string()))
            }
        }
    }))
    .await
}
