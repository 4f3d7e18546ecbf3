//! The commands of `deskreel-server` that are more than one call.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use data_encoding::BASE32_NOPAD;
use deskreel_server::clock::{Clock, SystemClock};
use deskreel_server::gateway::Gateway;
use deskreel_server::grant::{Sts, StsConfig};
use deskreel_server::publish::publish;
use deskreel_server::token::{
    AUDIENCE, Claims, ISSUER, KeyRing, KeySource, OidcIssuer, Revocations, Role, Trust, Verifier,
};
use deskreel_server::work;
use deskreel_server::{AuthToken, ConfigError, Door};
use deskreel_store::{S3Config, S3Store};
use deskreel_upkeep::share::Sharing;

use crate::cli;

/// Whose tokens count; `None` if nobody's.
pub(crate) fn trust(args: &cli::TrustArgs) -> anyhow::Result<Option<(Trust, Revocations)>> {
    let own = args.token_keys.as_deref().map(KeyRing::load).transpose()?;
    let oidc = match (&args.oidc_issuer, &args.oidc_jwks) {
        (Some(issuer), Some(keys)) => {
            let keys = KeySource::parse(keys).context("--oidc-jwks")?;
            Some(OidcIssuer { issuer: issuer.clone(), audience: args.oidc_audience.clone(), keys })
        }
        _ => None,
    };
    if own.is_none() && oidc.is_none() {
        return Ok(None);
    }
    let revoked = args.tokens_revoked.clone().map_or(Revocations::None, Revocations::File);
    Ok(Some((Trust { own, audience: AUDIENCE.to_owned(), oidc }, revoked)))
}

/// Starts a gateway.
pub(crate) async fn gateway(args: cli::Gateway) -> anyhow::Result<Gateway> {
    let operator = args.auth_token_file.as_deref().map(AuthToken::from_file).transpose()?;
    let tokens = trust(&args.trust)?;
    if !args.listen.ip().is_loopback() && operator.is_none() && tokens.is_none() {
        return Err(ConfigError::OpenToAll { listen: args.listen }.into());
    }
    let mut config = S3Config::parse_url(&args.store)?;
    config.endpoint = args.endpoint.clone();
    config.region = args.region.clone();
    let store = Arc::new(S3Store::connect(&config).await?);
    let prefix = match config.prefix.trim_matches('/') {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let sts = StsConfig {
        bucket: config.bucket.clone(),
        prefix,
        endpoint: args.endpoint,
        public_endpoint: args.public_endpoint,
        region: args.region,
        role_arn: args.role_arn,
        longest_s: seconds(&args.max_grant)?,
        static_keys: None,
    };
    if sts.endpoint.is_none() && sts.role_arn.is_none() {
        bail!("on AWS name the role that keys get a part of: --role-arn ARN");
    }
    let schedule = schedule(&args.rollup_every, &args.share)?;
    let upkeep = work::scheduled(store.clone(), Arc::new(SystemClock), schedule);
    let bucket = Arc::new(Sts::connect(sts, store).await);
    let tokens = tokens.map(|(trust, revoked)| Verifier::new(trust, revoked));
    let door = Door { operator, tokens };
    let clock = Arc::new(SystemClock);
    Ok(Gateway::start(args.listen, bucket, door, clock, args.player, upkeep).await?)
}

async fn bucket(args: &cli::BucketArgs) -> anyhow::Result<Arc<S3Store>> {
    let mut config = S3Config::parse_url(&args.store)?;
    config.endpoint = args.endpoint.clone();
    config.region = args.region.clone();
    Ok(Arc::new(S3Store::connect(&config).await?))
}

/// Publishes the player.
pub(crate) async fn publish_player(args: cli::PublishPlayer) -> anyhow::Result<()> {
    let store = bucket(&args.bucket).await?;
    let count = publish(store.as_ref(), &args.player, |file, bytes| {
        eprintln!("{:<40} {bytes:>9} B  {}", file.key, file.content_type);
    });
    let count = count.await?;
    writeln!(io::stdout(), "{count} files published below {}/player/", args.bucket.store)?;
    Ok(())
}

/// What upkeep is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Sweep,
    Rollup { grace: Duration },
    Audit,
}

/// Does upkeep; whether all is well.
pub(crate) async fn work(args: cli::Work, kind: Kind) -> anyhow::Result<bool> {
    let store = bucket(&args.bucket).await?;
    let wish = if args.stream.is_empty() {
        serde_json::json!({ "dry_run": args.dry_run })
    } else {
        serde_json::json!({ "streams": args.stream, "dry_run": args.dry_run })
    };
    let job = work::job(&wish)?;
    let now_ms = u64::try_from(SystemClock.now_ms()).unwrap_or_default();
    let (report, well) = match kind {
        Kind::Sweep => (serde_json::to_value(work::sweep(store, &job, now_ms).await?)?, true),
        Kind::Rollup { grace } => {
            let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
            let report = work::rollup(store, &job, now_ms, grace_ms).await?;
            (serde_json::to_value(report)?, true)
        }
        Kind::Audit => {
            let report = work::audit(store, &job, now_ms).await?;
            (serde_json::to_value(&report)?, report.clean)
        }
    };
    writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&report)?)?;
    Ok(well)
}

/// Shares tiles once.
pub(crate) async fn share(args: cli::Share) -> anyhow::Result<()> {
    let key = work::domain_key_file(&args.domain_key_file)?;
    let sharing = Sharing { streams: args.streams.into(), ..Sharing::new(key) };
    let now_ms = u64::try_from(SystemClock.now_ms()).unwrap_or_default();
    let report = work::shared(bucket(&args.bucket).await?, &sharing, now_ms, args.dry_run).await?;
    writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}

/// What a server does beside serving.
pub(crate) fn schedule(
    rollup_every: &str,
    args: &cli::ShareArgs,
) -> anyhow::Result<work::Schedule> {
    let share = match (&args.domain_key_file, every(&args.share_every)?) {
        (Some(file), Some(every)) => {
            let key = work::domain_key_file(file)?;
            Some((every, Sharing { streams: args.share_streams.into(), ..Sharing::new(key) }))
        }
        _ => None,
    };
    Ok(work::Schedule { rollup_every: every(rollup_every)?, share })
}

/// Makes keys and tokens.
pub(crate) fn token(command: cli::Token) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let now_s = SystemClock.now_ms() / 1000;
    match command {
        cli::Token::NewKey { keys } => {
            let label = jiff::Timestamp::from_second(now_s)?.strftime("%Y-%m-%d").to_string();
            let ring = if keys.exists() {
                let mut ring = KeyRing::load(&keys)?;
                ring.rotate(&label);
                ring
            } else {
                KeyRing::new(&label)
            };
            ring.save(&keys)?;
            for (index, kid) in ring.kids().enumerate() {
                let what = if index == 0 { "signs" } else { "verifies" };
                writeln!(out, "{kid}  {what}")?;
            }
        }
        cli::Token::RetireKey { keys, kid } => {
            let mut ring = KeyRing::load(&keys)?;
            ring.retire(&kid)?;
            ring.save(&keys)?;
        }
        cli::Token::Create(args) => {
            let claims = claims(&args, now_s)?;
            let token = KeyRing::load(&args.keys)?.sign(&claims);
            if args.json {
                let ends = jiff::Timestamp::from_second(claims.exp)?.to_string();
                let json = serde_json::json!({
                    "token": token, "id": claims.jti, "expires": ends,
                    "role": claims.role, "streams": claims.streams,
                });
                writeln!(out, "{json}")?;
            } else {
                writeln!(out, "{token}")?;
            }
        }
        cli::Token::Revoke { revoked, token } => revoke(&revoked, &token)?,
    }
    Ok(())
}

fn claims(args: &cli::CreateToken, now_s: i64) -> anyhow::Result<Claims> {
    let role = match args.role {
        cli::TokenRole::View => Role::View,
        cli::TokenRole::Upload => Role::Upload,
        cli::TokenRole::Admin => Role::Admin,
    };
    if role != Role::Admin && args.stream.is_empty() {
        bail!("name the streams that it is for: --stream NAME, or --stream '*' for all");
    }
    let id: [u8; 10] = rand::random();
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: vec![AUDIENCE.to_owned()],
        sub: args.subject.clone(),
        exp: now_s + seconds(&args.ttl)?,
        nbf: None,
        iat: Some(now_s),
        jti: BASE32_NOPAD.encode(&id).to_lowercase(),
        role,
        streams: args.stream.clone(),
    };
    claims.scope()?;
    Ok(claims)
}

/// Appends to the list. A token is written down by its id alone.
fn revoke(list: &Path, token: &str) -> anyhow::Result<()> {
    let id = match token.split('.').nth(1) {
        Some(payload) => {
            let bytes = data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes());
            let json: serde_json::Value = serde_json::from_slice(&bytes.unwrap_or_default())
                .context("that is neither a token nor a token's id")?;
            json["jti"].as_str().context("that token has no id")?.to_owned()
        }
        None => token.to_owned(),
    };
    if id.is_empty() || id.contains(['#', ' ', '\t', '\n']) {
        bail!("'{id}' is no token's id");
    }
    let file = std::fs::OpenOptions::new().append(true).create(true).open(list);
    let mut file = file.with_context(|| format!("list of revoked tokens {}", list.display()))?;
    // On a line of its own even if the last one was not ended.
    writeln!(file, "\n{id}")?;
    file.sync_all()?;
    writeln!(io::stdout(), "{id}")?;
    Ok(())
}

/// A time, such as one between two runs; `None` for `0`.
pub(crate) fn every(text: &str) -> anyhow::Result<Option<Duration>> {
    if text == "0" {
        return Ok(None);
    }
    Ok(Some(Duration::from_secs(seconds(text)?.unsigned_abs())))
}

/// `90s`, `15m`, `8h`, `30d` in seconds.
pub(crate) fn seconds(text: &str) -> anyhow::Result<i64> {
    let wrong = || format!("'{text}' is no time; write 90s, 15m, 8h or 30d");
    let unit = text.chars().last().with_context(wrong)?;
    let scale = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => bail!(wrong()),
    };
    let count: i64 = text[..text.len() - 1].parse().ok().with_context(wrong)?;
    match count.checked_mul(scale) {
        // Ten years: more is a slip of the finger.
        Some(seconds) if (1..=315_360_000).contains(&seconds) => Ok(seconds),
        _ => bail!("'{text}' is not between 1s and 3650d"),
    }
}
