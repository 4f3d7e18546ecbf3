//! The Lambda function `audit`.

use deskreel_functions::{ColdStart, scheduled};
use deskreel_server::work;
use lambda_runtime::Error;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let start = ColdStart::begin().await?;
    scheduled::serve(|job, now_ms| {
        let store = start.store.clone();
        async move { work::audit(store, &job, now_ms).await }
    })
    .await
}
