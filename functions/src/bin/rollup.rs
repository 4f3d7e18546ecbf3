//! The Lambda function `rollup`.

use deskreel_functions::{ColdStart, scheduled};
use deskreel_server::work;
use lambda_runtime::Error;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let start = ColdStart::begin().await?;
    scheduled::serve(|job, now_ms| {
        let store = start.store.clone();
        async move { work::rollup(store, &job, now_ms, work::ROLL_GRACE_MS).await }
    })
    .await
}
