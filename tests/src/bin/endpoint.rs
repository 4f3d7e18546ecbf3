//! Checks an S3 endpoint of yours: `endpoint`, with DESKREEL_STORE (s3://bucket/prefix),
//! DESKREEL_ENDPOINT, DESKREEL_ACCESS_KEY_ID and DESKREEL_SECRET_ACCESS_KEY in the environment. The
//! bucket is set up as by `deskreel admin init-bucket`; what is written below the prefix is deleted.

use anyhow::{Context, Result};
use deskreel_capture::location::StoreOptions;
use deskreel_tests::endpoint::check;

#[tokio::main]
async fn main() -> Result<()> {
    let named = |name: &str| std::env::var(name).ok();
    let store = named("DESKREEL_STORE").context("DESKREEL_STORE names no s3://bucket/prefix")?;
    let options = StoreOptions {
        store: Some(store),
        endpoint: named("DESKREEL_ENDPOINT"),
        region: named("DESKREEL_REGION"),
        access_key_id: named("DESKREEL_ACCESS_KEY_ID"),
        secret_access_key: named("DESKREEL_SECRET_ACCESS_KEY").map(Into::into),
        ..StoreOptions::default()
    };
    for finding in check(&options).await? {
        let answer = finding.honoured.map_or("unknown", |yes| if yes { "yes" } else { "no" });
        println!("{:<24} {answer:<8} {}", finding.feature, finding.detail);
    }
    println!("conformance, import, every frame, verify: all well");
    Ok(())
}
