//! Sets a bucket up and finds out what its endpoint really honours.

use std::time::Duration;

use bytes::Bytes;
use deskreel_format::key::KINDS;
use deskreel_store::{LifecycleRule, ObjectStore, Put, PutMode, S3Store, StoreError};
use serde::Serialize;

/// Keys of what is written to find out, one for each question.
const SCRATCH: &str = "probe/init-bucket";

/// How a bucket is to be.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// Days after which objects expire; at least 2.
    pub days: u32,
    /// Origins of pages that may read.
    pub origins: Vec<String>,
    /// A text that no other run has: names what is written to find out.
    pub run: String,
}

/// What came of one feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which feature.
    pub feature: &'static str,
    /// Whether it works; `None` when it could not be found out.
    pub honoured: Option<bool>,
    /// Whether Deskreel cannot work without it.
    pub needed: bool,
    /// More, for a person.
    pub detail: String,
}

/// Sets the bucket up as wished and finds out what works, in the order of the table.
///
/// # Errors
/// [`StoreError`] when there is no bucket or nothing can be stored in it; what the endpoint merely
/// does not have is part of the findings.
pub async fn init(store: &S3Store, wishes: &Wishes) -> Result<Vec<Finding>, StoreError> {
    let created = store.ensure_bucket().await?;
    let made = if created { "made now" } else { "was there" };
    let bucket = finding("bucket", Ok(true), true, "");
    let mut findings = vec![Finding { detail: made.to_owned(), ..bucket }];
    let blocked = store.block_public_access().await.map(|()| true);
    let open = "the store has no such setting; see that nothing makes the bucket public";
    findings.push(finding("public access block", blocked, false, open));
    findings.push(lifecycle(store, wishes.days).await);
    findings.push(cors(store, &wishes.origins).await);
    findings.push(versions(store).await);
    let scratch = [1, 2, 3].map(|n| format!("{SCRATCH}-{}-{n}", wishes.run));
    let probed = objects(store, wishes, &scratch).await;
    // Whatever came of it, nothing stays behind; the first error is the one to tell.
    let cleared = store.delete(&scratch).await;
    findings.extend(probed?);
    findings.push(finding("delete", cleared.map(|()| true), true, ""));
    Ok(findings)
}

async fn objects(
    store: &S3Store,
    wishes: &Wishes,
    [key, md5, sha256]: &[String; 3],
) -> Result<Vec<Finding>, StoreError> {
    let put = Put { mode: PutMode::Create, content_type: "text/plain", cache_control: None };
    store.put(key, Bytes::from_static(b"first"), put).await?;
    let create_only = match store.put(key, Bytes::from_static(b"second"), put).await {
        Ok(()) => Ok(false),
        Err(StoreError::AlreadyExists { .. }) => {
            Ok(store.get(key, None).await?.bytes.as_ref() == b"first")
        }
        Err(error) => Err(error),
    };
    let silent = "nothing rests on it, but an agent cannot notice a second one of its name";
    Ok(vec![
        finding("If-None-Match on PUT", create_only, false, silent),
        finding(
            "Range on GET",
            store.honours_ranges(key).await,
            true,
            "seeking takes whole objects",
        ),
        finding("wrong Content-MD5 refused", store.refuses_wrong_md5(md5).await, false, ""),
        finding("wrong SHA-256 refused", store.refuses_wrong_sha256(sha256).await, false, ""),
        preflight(store, key, &wishes.origins).await,
    ])
}

async fn lifecycle(store: &S3Store, days: u32) -> Finding {
    let wanted = KINDS.map(|prefix| LifecycleRule { prefix: prefix.to_owned(), days });
    let kept = async {
        store.put_lifecycle(&wanted).await?;
        store.get_lifecycle().await
    };
    let none = "old recordings stay until `deskreel admin sweep` runs";
    match kept.await {
        Ok(rules) => {
            let all = wanted.iter().all(|rule| rules.contains(rule));
            let sooner = rules.iter().find(|rule| {
                rule.days < 2 && wanted.iter().any(|own| own.prefix.starts_with(&rule.prefix))
            });
            match sooner {
                Some(rule) => {
                    let what = format!(
                        "a rule of others deletes '{}' after {} day(s), which is too soon: remove it",
                        rule.prefix, rule.days
                    );
                    finding("lifecycle", Ok(false), true, &what)
                }
                None if all => Finding {
                    detail: format!("{days} days: {}", KINDS.join(", ")),
                    ..finding("lifecycle", Ok(true), false, "")
                },
                None => finding("lifecycle", Ok(false), false, none),
            }
        }
        Err(error) => finding("lifecycle", Err(error), false, none),
    }
}

async fn cors(store: &S3Store, origins: &[String]) -> Finding {
    let kept = async {
        store.put_cors(origins).await?;
        store.cors_origins().await
    };
    let outcome = kept.await.map(|kept| origins.iter().all(|origin| kept.contains(origin)));
    finding("CORS rules", outcome, false, "set CORS on the store's own side, for the player")
}

async fn versions(store: &S3Store) -> Finding {
    let feature = "deleting is final";
    match store.keeps_versions().await {
        // A store that cannot tell may or may not keep them: that is not known, not a no.
        Err(StoreError::Unsupported { .. }) => {
            let detail = "the store does not say whether it keeps versions".to_owned();
            Finding { feature, honoured: None, needed: false, detail }
        }
        keeps => {
            let otherwise = "the bucket has versions: what is deleted may stay as an old one";
            finding(feature, keeps.map(|keeps| !keeps), false, otherwise)
        }
    }
}

/// Asks as a browser does before a page of another origin may read.
async fn preflight(store: &S3Store, key: &str, origins: &[String]) -> Finding {
    let feature = "CORS preflight";
    let asked = async {
        let url = store.object_url(key).await.map_err(|error| error.to_string())?;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20));
        let client = client.build().map_err(|error| error.to_string())?;
        let origin = origins.iter().find(|origin| *origin != "*");
        let answer = client
            .request(reqwest::Method::OPTIONS, url)
            .header("Origin", origin.map_or("https://player.example", String::as_str))
            .header("Access-Control-Request-Method", "GET")
            .header("Access-Control-Request-Headers", "authorization,range,x-amz-date")
            .send()
            .await
            .map_err(|error| error.to_string())?;
        Ok::<bool, String>(
            answer.status().is_success()
                && answer.headers().contains_key("access-control-allow-origin"),
        )
    };
    match asked.await {
        Ok(honoured) => {
            finding(feature, Ok(honoured), false, "the player works from its origin only")
        }
        Err(detail) => Finding { feature, honoured: None, needed: false, detail },
    }
}

/// `otherwise` is told when the feature does not work. Unsupported is an answer, not an error.
fn finding(
    feature: &'static str,
    outcome: Result<bool, StoreError>,
    needed: bool,
    otherwise: &str,
) -> Finding {
    let (honoured, detail) = match outcome {
        Ok(true) => (Some(true), String::new()),
        Ok(false) | Err(StoreError::Unsupported { .. }) => (Some(false), otherwise.to_owned()),
        Err(error) => (None, error.to_string()),
    };
    Finding { feature, honoured, needed, detail }
}
