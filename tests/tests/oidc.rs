//! An OIDC provider's key set over HTTPS, and its rotation. The provider's side (keys, signatures, the
//! server with its certificate) is OpenSSL's own program.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use data_encoding::{BASE64URL_NOPAD, HEXUPPER};
use deskreel_server::token::{
    AUDIENCE, BadToken, KeySource, OidcIssuer, Revocations, Trust, Verifier,
};
use deskreel_tests::product::{Running, not_run, program};
use serde_json::{Value, json};

const ISSUER: &str = "https://login.example";

fn openssl(folder: &Path, args: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new("openssl").args(args).current_dir(folder).output()?;
    ensure!(
        output.status.success(),
        "openssl {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.stdout)
}

fn is_there() -> bool {
    let found = Command::new("openssl").arg("version").output().is_ok();
    if !found {
        not_run("oidc", "openssl is not installed");
    }
    found
}

/// Makes the keys `a` and `b`, of which the provider has published the first; their public halves.
fn two_keys(folder: &Path) -> Result<[Value; 2]> {
    let keys = [new_key(folder, "a")?, new_key(folder, "b")?];
    publish(folder, &[&keys[0]])?;
    Ok(keys)
}

/// Makes the key `kid`; its public half as a JWK.
fn new_key(folder: &Path, kid: &str) -> Result<Value> {
    let file = format!("{kid}.pem");
    openssl(folder, &["genrsa", "-out", &file, "2048"])?;
    let modulus = openssl(folder, &["rsa", "-in", &file, "-noout", "-modulus"])?;
    let modulus = String::from_utf8(modulus)?;
    let hex = modulus.trim().strip_prefix("Modulus=").context("a modulus")?;
    let n = BASE64URL_NOPAD.encode(&HEXUPPER.decode(hex.as_bytes())?);
    Ok(json!({ "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": n, "e": "AQAB" }))
}

/// A token for viewing `desk`, signed with `kid`, that ends at `exp` (seconds).
fn token(folder: &Path, kid: &str, exp: i64) -> Result<String> {
    let header = json!({ "alg": "RS256", "kid": kid }).to_string();
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "exp": exp, "jti": format!("of-{kid}"),
        "role": "view", "streams": ["desk"],
    });
    let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let signed = format!("{}.{}", encode(&header), encode(&claims.to_string()));
    std::fs::write(folder.join("signed"), &signed)?;
    let file = format!("{kid}.pem");
    let signature = openssl(folder, &["dgst", "-sha256", "-sign", &file, "signed"])?;
    Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
}

fn publish(folder: &Path, keys: &[&Value]) -> Result<()> {
    let set = json!({ "keys": keys }).to_string();
    Ok(std::fs::write(folder.join("jwks.json"), set)?)
}

/// Serves the files of `folder` at `https://localhost:PORT`, with a certificate of an authority of its
/// own (`ca.pem`).
fn serve_https(folder: &Path) -> Result<(Running, u16)> {
    let make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "ca.key"];
    openssl(folder, &[&make[..], &["-out", "ca.pem", "-subj", "/CN=test authority"]].concat())?;
    let ask = ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tls.key", "-out", "tls.csr"];
    openssl(folder, &[&ask[..], &["-subj", "/CN=localhost"]].concat())?;
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n")?;
    let sign =
        ["x509", "-req", "-in", "tls.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2"];
    openssl(folder, &[&sign[..], &["-extfile", "names", "-out", "tls.pem"]].concat())?;
    for _ in 0..5 {
        // Between choosing a port and using it somebody else may take it.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut server = Command::new("openssl")
            .args(["s_server", "-WWW", "-cert", "tls.pem", "-key", "tls.key", "-accept"])
            .arg(port.to_string())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let began = Instant::now();
        while server.try_wait()?.is_none() && began.elapsed() < Duration::from_secs(30) {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok((Running(server), port));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    anyhow::bail!("openssl s_server does not come up")
}

/// A server that trusts the provider; its origin.
fn serve(folder: &Path, jwks: &str, authority: Option<&Path>) -> Result<(Running, String)> {
    let mut command = Command::new(program("deskreel-server")?);
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--oidc-issuer",
        ISSUER,
        "--oidc-jwks",
        jwks,
    ]);
    command.arg("--data").arg(tempfile::tempdir_in(folder)?.keep());
    if let Some(authority) = authority {
        command.env("SSL_CERT_FILE", authority).env_remove("SSL_CERT_DIR");
    }
    let mut server = command.stdout(Stdio::piped()).spawn()?;
    let stdout = server.stdout.take().context("an output")?;
    let server = Running(server);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let url = line.trim().strip_prefix("player: ").context("it did not come up")?;
    Ok((server, url.split("/-/").next().context("an origin")?.to_owned()))
}

async fn ask(origin: &str, token: &str) -> Result<u16> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let body = json!({ "stream": "desk", "role": "view" });
    let url = format!("{origin}/-/api/grant");
    Ok(http.post(url).bearer_auth(token).json(&body).send().await?.status().as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_is_read_over_https_from_who_has_a_right_certificate() -> Result<()> {
    if !is_there() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    two_keys(folder)?;
    let (_provider, port) = serve_https(folder)?;
    let jwks = format!("https://localhost:{port}/jwks.json");
    let (_server, origin) = serve(folder, &jwks, Some(&folder.join("ca.pem")))?;
    let far = 9_999_999_999;
    assert_eq!(ask(&origin, &token(folder, "a", far)?).await?, 200);
    assert_eq!(ask(&origin, &token(folder, "a", 1)?).await?, 401, "it is over");
    // Signed with another key than it names.
    let forged = token(folder, "b", far)?;
    let (_, rest) = forged.split_once('.').context("a token")?;
    let right = token(folder, "a", far)?;
    let (header, _) = right.split_once('.').context("a token")?;
    assert_eq!(ask(&origin, &format!("{header}.{rest}")).await?, 401);

    // Whoever cannot prove to be the provider is not believed.
    let (_server, origin) = serve(folder, &jwks, None)?;
    assert_eq!(ask(&origin, &token(folder, "a", far)?).await?, 401);

    // Beyond this machine a key set is taken over TLS alone.
    let refused = Command::new(program("deskreel-server")?)
        .args(["serve", "--listen", "127.0.0.1:0", "--oidc-issuer", ISSUER])
        .args(["--oidc-jwks", "http://login.example/keys", "--data"])
        .arg(folder.join("none"))
        .output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("https://"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_is_found_at_once_and_unknown_ones_cost_a_request_a_minute() -> Result<()> {
    if !is_there() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let [_, second] = two_keys(folder)?;
    let file = folder.join("jwks.json");
    let oidc = OidcIssuer {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys: KeySource::parse(&file.to_string_lossy())?,
    };
    let trust = Trust { own: None, audience: AUDIENCE.to_owned(), oidc: Some(oidc) };
    let verifier = Verifier::new(trust, Revocations::None);
    let (start, minute) = (1_800_000_000_000_i64, 60_000);
    let (a, b) = (token(folder, "a", 1_900_000_000)?, token(folder, "b", 1_900_000_000)?);
    assert!(verifier.verify(&a, start).await.is_ok());
    // The provider rotates. Tokens of the new key wait for a minute since the last look at most.
    publish(folder, &[&second])?;
    assert_eq!(verifier.verify(&b, start + minute - 1).await, Err(BadToken::UnknownKey));
    assert!(verifier.verify(&b, start + minute).await.is_ok());
    // And the old key is gone with that.
    assert_eq!(verifier.verify(&a, start + minute + 1).await, Err(BadToken::UnknownKey));
    // A provider that is down takes nothing away from who is known.
    std::fs::remove_file(&file)?;
    assert!(verifier.verify(&b, start + 3_700_000).await.is_ok());
    Ok(())
}
