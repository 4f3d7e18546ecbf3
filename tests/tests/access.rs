//! Tokens and grants by the real programs: what each opens, on MinIO by STS and on the embedded
//! store, printed as a table; what is refused; and that no log holds a secret.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use deskreel_tests::minio::Minio;
use deskreel_tests::product::{Running, program};
use serde_json::{Value, json};
use tempfile::TempDir;

const BUCKET: &str = "deskreel";

/// A server of one kind, with keys to make tokens for it.
struct Place {
    name: &'static str,
    origin: String,
    root: Client,
    /// Whether the store can keep an uploader from replacing its own objects.
    create_only: bool,
    folder: TempDir,
    _server: Running,
    _minio: Option<Minio>,
    http: reqwest::Client,
}

impl Place {
    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys.json")
    }

    fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.path().join("log"))?)
    }

    fn token(&self, more: &[&str]) -> Result<String> {
        let keys = self.keys();
        let fixed = ["token", "create", "--keys", keys.to_str().context("a path")?];
        run(Command::new(program("deskreel-server")?).args(fixed).args(more))
    }

    async fn ask(&self, token: &str, body: Value) -> Result<(u16, Value)> {
        let url = format!("{}/-/api/grant", self.origin);
        let answer = self.http.post(url).bearer_auth(token).json(&body).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    async fn keys_for(&self, token: &str, stream: &str, role: &str) -> Result<Value> {
        let (status, keys) = self.ask(token, json!({ "stream": stream, "role": role })).await?;
        ensure!(status == 200, "{status} {keys}");
        Ok(keys)
    }
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn client(endpoint: &str, id: &str, secret: &str, session: Option<String>) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .credentials_provider(Credentials::new(id, secret, session, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn client_of(keys: &Value) -> Client {
    let text = |name: &str| keys[name].as_str().unwrap_or_default().to_owned();
    let session = keys["session_token"].as_str().map(str::to_owned);
    let (id, secret) = (text("access_key_id"), text("secret_access_key"));
    client(&text("endpoint"), &id, &secret, session)
}

/// Starts `deskreel-server` with these arguments, its log in `folder`; its origin.
fn start(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<(Running, String)> {
    let keys = folder.join("keys.json");
    run(Command::new(program("deskreel-server")?).args(["token", "new-key", "--keys"]).arg(&keys))?;
    let mut command = Command::new(program("deskreel-server")?);
    command.args(args).args(["--listen", "127.0.0.1:0", "--token-keys"]).arg(&keys);
    command.arg("--tokens-revoked").arg(folder.join("revoked.txt"));
    command.envs(env.iter().copied()).env("RUST_LOG", "debug");
    let log = std::fs::File::create(folder.join("log"))?;
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn()?;
    let out = child.stdout.take().context("no stdout")?;
    let server = Running(child);
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    let url = line
        .trim_end()
        .strip_prefix("player: ")
        .with_context(|| std::fs::read_to_string(folder.join("log")).unwrap_or_default())?;
    Ok((server, url.trim_end_matches("/-/player/").to_owned()))
}

async fn on_minio() -> Result<Option<Place>> {
    if let Err(error) = Minio::program() {
        deskreel_tests::product::not_run("minio", &format!("grants by STS: {error}"));
        return Ok(None);
    }
    let minio = tokio::task::spawn_blocking(Minio::start).await??;
    minio.store(BUCKET, "").await?;
    let folder = tempfile::tempdir()?;
    let (store, endpoint) = (format!("s3://{BUCKET}"), minio.endpoint());
    let (id, secret) = (minio.access_key_id(), minio.secret_access_key());
    let env = [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)];
    let args = ["gateway", "--store", &store, "--endpoint", &endpoint];
    let (server, origin) = start(folder.path(), &args, &env)?;
    let root = client(&endpoint, id, secret, None);
    let http = reqwest::Client::builder().no_proxy().build()?;
    Ok(Some(Place {
        name: "MinIO",
        origin,
        root,
        create_only: false,
        folder,
        _server: server,
        _minio: Some(minio),
        http,
    }))
}

async fn embedded() -> Result<Place> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let data = data.to_str().context("a path")?;
    let (server, origin) = start(folder.path(), &["serve", "--data", data], &[])?;
    let asked = ["credentials", "--json", "--data", data];
    let root: Value =
        serde_json::from_str(&run(Command::new(program("deskreel-server")?).args(asked))?)?;
    let text = |name: &str| root[name].as_str().unwrap_or_default();
    let root = client(&origin, text("access_key_id"), text("secret_access_key"), None);
    let http = reqwest::Client::builder().no_proxy().build()?;
    Ok(Place {
        name: "embedded store",
        origin,
        root,
        create_only: true,
        folder,
        _server: server,
        _minio: None,
        http,
    })
}

async fn places() -> Result<Vec<Place>> {
    Ok(on_minio().await?.into_iter().chain([embedded().await?]).collect())
}

/// What came of a request: `yes`, `-` for refused by right, anything else in the server's words.
fn came<T, E: ProvideErrorMetadata + std::fmt::Debug>(outcome: Result<T, SdkError<E>>) -> String {
    let error = match outcome {
        Ok(_) => return "yes".into(),
        Err(error) => error,
    };
    let status = error.raw_response().map_or(0, |answer| answer.status().as_u16());
    match (status, error.code()) {
        (403, _) => "-".into(),
        (412, _) => "exists".into(),
        (status, code) => format!("{status} {}", code.unwrap_or_default()),
    }
}

/// Every verb on keys of `stream`; objects that it may destroy are made anew for each.
async fn verbs(
    place: &Place,
    keys: &Value,
    stream: &str,
    kind: &str,
) -> Vec<(&'static str, String)> {
    let s3 = client_of(keys);
    let old = format!("{kind}/{stream}/old");
    let fresh = |name: &str| format!("{kind}/{stream}/{name}-{:x}", rand::random::<u64>());
    let body = || aws_sdk_s3::primitives::ByteStream::from_static(b"bytes");
    let made = place.root.put_object().bucket(BUCKET).key(&old).body(body()).send().await;
    made.expect("the operator may store anything");
    let put = |key: &str| s3.put_object().bucket(BUCKET).key(key).body(body());
    let mut rows = vec![
        ("get", came(s3.get_object().bucket(BUCKET).key(&old).send().await)),
        ("head", came(s3.head_object().bucket(BUCKET).key(&old).send().await)),
    ];
    let prefix = format!("{kind}/{stream}/");
    rows.push(("list", came(s3.list_objects_v2().bucket(BUCKET).prefix(prefix).send().await)));
    rows.push(("put new", came(put(&fresh("new")).send().await)));
    let create = put(&fresh("create")).if_none_match("*");
    rows.push(("put new, If-None-Match", came(create.send().await)));
    rows.push(("put over", came(put(&old).send().await)));
    rows.push(("put over, If-None-Match", came(put(&old).if_none_match("*").send().await)));
    let multi = s3.create_multipart_upload().bucket(BUCKET).key(fresh("multi")).send().await;
    rows.push(("multipart", came(multi)));
    let source = format!("{BUCKET}/{old}");
    let copy = s3.copy_object().bucket(BUCKET).key(fresh("copy")).copy_source(source);
    rows.push(("copy", came(copy.send().await)));
    rows.push(("delete", came(s3.delete_object().bucket(BUCKET).key(&old).send().await)));
    rows
}

/// What must come of a verb.
fn expected(place: &Place, role: &str, whose: &str, kind: &str, verb: &str) -> &'static str {
    let readable = match kind {
        "commons/packs" => role == "view",
        "commons/candidates" => false,
        _ => whose == "own",
    };
    let writes = whose == "own" && role == "upload";
    match verb {
        "get" | "head" | "list" if readable => "yes",
        "put new" | "put new, If-None-Match" if writes => "yes",
        // An index is a cache that anyone can make anew.
        "put over" if writes && (kind == "index" || !place.create_only) => "yes",
        "put over" | "put over, If-None-Match" if writes => "exists",
        // AWS and the embedded store refuse these; MinIO has no condition to tell them from a PUT.
        "multipart" if writes && !place.create_only => "yes",
        "copy" if writes && readable && !place.create_only => "yes",
        _ => "-",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_opens_exactly_what_the_table_says() -> Result<()> {
    for place in places().await? {
        let mut table: BTreeMap<(usize, &str), Vec<String>> = BTreeMap::new();
        let mut columns = Vec::new();
        let mut wrong = Vec::new();
        for role in ["view", "upload"] {
            let token = place.token(&["--role", role, "--stream", "desk", "--ttl", "1h"])?;
            let keys = place.keys_for(&token, "desk", role).await?;
            for (whose, stream, kind) in [
                ("own", "desk", "segments"),
                ("own", "desk", "index"),
                ("own", "desk", "storyboards"),
                ("other", "lab", "segments"),
                ("other", "desk2", "segments"),
                ("other", "2026-01-01", "commons/packs"),
                ("own", "desk", "commons/candidates"),
                ("other", "lab", "commons/candidates"),
                ("other", "x", "access"),
                ("other", "x", "player"),
            ] {
                columns.push(format!("{role} {kind}/{stream}"));
                for (row, (verb, came)) in
                    verbs(&place, &keys, stream, kind).await.into_iter().enumerate()
                {
                    let right = expected(&place, role, whose, kind, verb);
                    if came != right {
                        wrong.push(format!("{role} {verb} {kind}/{stream}: {came}, not {right}"));
                    }
                    table.entry((row, verb)).or_default().push(came);
                }
            }
            let s3 = client_of(&keys);
            // Agents hear of what is shared, and nobody but the server says what that is.
            place.root.put_object().bucket(BUCKET).key("commons/index").send().await?;
            let index = s3.get_object().bucket(BUCKET).key("commons/index").send().await;
            assert_eq!(came(index), if role == "upload" { "yes" } else { "-" });
            let index = s3.put_object().bucket(BUCKET).key("commons/index").send().await;
            assert_eq!(came(index), "-");
            assert_eq!(came(s3.list_objects_v2().bucket(BUCKET).send().await), "-");
            let all = s3.list_objects_v2().bucket(BUCKET).prefix("segments/");
            assert_eq!(came(all.send().await), "-");
            assert_eq!(came(s3.create_bucket().bucket("mine").send().await), "-");
            let rules = s3.get_bucket_lifecycle_configuration().bucket(BUCKET);
            assert_eq!(came(rules.send().await), "-");
        }
        println!("\n{}: what keys for the stream `desk` open (-: refused)", place.name);
        println!("{:<24}", columns.join(" | "));
        for ((_, verb), cells) in &table {
            println!("{verb:<24} {}", cells.join(" | "));
        }
        assert_eq!(wrong, Vec::<String>::new(), "{}", place.name);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_gets_grants_and_names_of_its_own_streams_only() -> Result<()> {
    for place in places().await? {
        for stream in ["desk", "lab", "shop"] {
            let key = format!("segments/{stream}/x");
            place.root.put_object().bucket(BUCKET).key(key).send().await?;
        }
        let tokens = [
            (vec!["--role", "view", "--stream", "desk"], vec!["desk"]),
            (vec!["--role", "upload", "--stream", "desk"], vec!["desk"]),
            (vec!["--role", "view", "--stream", "desk", "--stream", "shop"], vec!["desk", "shop"]),
            (vec!["--role", "view", "--stream", "*"], vec!["desk", "lab", "shop"]),
            (vec!["--role", "admin"], vec!["desk", "lab", "shop"]),
        ];
        for (mut args, streams) in tokens {
            let role = args[1];
            args.extend(["--ttl", "1h"]);
            let token = place.token(&args)?;
            let url = format!("{}/-/api/streams", place.origin);
            let seen: Vec<String> =
                place.http.get(url).bearer_auth(&token).send().await?.json().await?;
            assert_eq!(seen, streams, "{args:?}");
            for stream in ["desk", "lab", "shop"] {
                for asked in ["view", "upload"] {
                    let body = json!({ "stream": stream, "role": asked });
                    let (status, said) = place.ask(&token, body).await?;
                    let may = streams.contains(&stream) && (role == "admin" || role == asked);
                    assert_eq!(status, if may { 200 } else { 403 }, "{args:?} {stream} {said}");
                }
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_tokens_open_nothing_and_no_secret_is_logged() -> Result<()> {
    for place in places().await? {
        let body = || json!({ "stream": "desk", "role": "view" });
        let view = ["--role", "view", "--stream", "desk", "--ttl"];
        let token = place.token(&[&view[..], &["1h"]].concat())?;
        let keys = place.keys_for(&token, "desk", "view").await?;
        let mut secrets = vec![token.clone()];
        for name in ["secret_access_key", "session_token"] {
            secrets.extend(keys[name].as_str().map(str::to_owned));
        }
        let ring: Value = serde_json::from_str(&std::fs::read_to_string(place.keys())?)?;
        secrets.extend(ring["keys"][0]["secret"].as_str().map(str::to_owned));

        let short = place.token(&[&view[..], &["1s"]].concat())?;
        let start = Instant::now();
        let expired = loop {
            let (status, said) = place.ask(&short, body()).await?;
            if status == 401 {
                break said["error"].to_string();
            }
            ensure!(start.elapsed() < Duration::from_secs(30), "it never expires");
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert!(expired.contains("expired"), "{expired}");

        // Replayed after it was taken back.
        let lost = place.token(&[&view[..], &["1h"]].concat())?;
        assert_eq!(place.ask(&lost, body()).await?.0, 200);
        let list = place.folder.path().join("revoked.txt");
        let revoke = ["token", "revoke", "--revoked", list.to_str().context("a path")?, &lost];
        run(Command::new(program("deskreel-server")?).args(revoke))?;
        let (status, said) = place.ask(&lost, body()).await?;
        assert_eq!(status, 401);
        assert!(said["error"].to_string().contains("revoked"), "{said}");
        assert!(!std::fs::read_to_string(&list)?.contains(&lost));

        let parts: Vec<&str> = token.split('.').collect();
        let encode = |json: String| data_encoding::BASE64URL_NOPAD.encode(json.as_bytes());
        let none = encode(json!({ "alg": "none", "typ": "JWT" }).to_string());
        let admin = encode(
            json!({ "iss": "deskreel-server", "aud": "deskreel", "exp": 9_999_999_999_u64,
                    "jti": "x", "role": "admin" })
            .to_string(),
        );
        for bad in [
            String::new(),
            "x".into(),
            format!("{}.{}.", none, parts[1]),
            format!("{none}.{admin}."),
            format!("{}.{admin}.{}", parts[0], parts[2]),
            format!("{}.{}.{}", parts[0], parts[1], &parts[2][..parts[2].len() - 4]),
        ] {
            assert_eq!(place.ask(&bad, body()).await?.0, 401, "{bad}");
            secrets.extend((bad.len() > 20).then_some(bad));
        }
        secrets.extend([short, lost]);
        let log = place.log()?;
        assert!(log.contains("granted"), "the log is empty: {log}");
        for secret in secrets.iter().filter(|secret| secret.len() > 8) {
            assert!(!log.contains(secret.as_str()), "{}: a secret is in the log", place.name);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_stop_working_when_their_grant_is_over() -> Result<()> {
    for place in places().await? {
        place.root.put_object().bucket(BUCKET).key("segments/desk/x").send().await?;
        let token = place.token(&["--role", "view", "--stream", "desk", "--ttl", "1h"])?;
        let body = json!({ "stream": "desk", "role": "view", "expires_in_s": 12 });
        let (status, keys) = place.ask(&token, body).await?;
        assert_eq!(status, 200, "{keys}");
        let s3 = client_of(&keys);
        let read = || s3.get_object().bucket(BUCKET).key("segments/desk/x").send();
        assert_eq!(came(read().await), "yes", "{}", place.name);
        let start = Instant::now();
        loop {
            let answer = came(read().await);
            if answer != "yes" {
                assert!(["-", "400 ExpiredToken"].contains(&answer.as_str()), "{answer}");
                break;
            }
            ensure!(start.elapsed() < Duration::from_secs(60), "{} never ends it", place.name);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    Ok(())
}
