//! The bucket's upkeep by the real programs: verify, sweep, forget, init-bucket.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use deskreel_tests::product::{Product, pictures, program, read_picture, sample_recording};
use serde_json::Value;

const START: u64 = 1_763_900_000_000;
const DAY_MS: u64 = 86_400_000;

/// A server, the sample recording in stream `desk`, and the operator's key.
struct Bucket {
    product: Product,
    key: (String, String),
    files: Vec<PathBuf>,
    start: u64,
}

impl Bucket {
    fn recorded(start: u64, more: &[&str]) -> Result<Self> {
        let product = Product::start()?;
        let credentials = Command::new(program("deskreel-server")?)
            .args(["credentials", "--json", "--data"])
            .arg(product.data())
            .output()?;
        let credentials: Value = serde_json::from_slice(&credentials.stdout)?;
        let part = |name: &str| credentials[name].as_str().map(str::to_owned).context("a key");
        let key = (part("access_key_id")?, part("secret_access_key")?);
        let files = pictures(&sample_recording())?;
        let bucket = Self { product, key, files, start };
        bucket.import("desk", more)?;
        Ok(bucket)
    }

    fn import(&self, stream: &str, more: &[&str]) -> Result<()> {
        let (folder, start) = (sample_recording(), self.start.to_string());
        let folder = folder.to_str().context("paths of tests are UTF-8")?;
        let mut arguments = vec!["import", folder, "--stream", stream, "--start", &start];
        arguments.extend_from_slice(more);
        self.product.run_ok(&arguments).map(drop)
    }

    /// `deskreel` with the operator's key.
    fn operator(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self.product.deskreel(arguments)?;
        command
            .env("DESKREEL_STORE", "s3://deskreel")
            .env("DESKREEL_ENDPOINT", self.product.origin())
            .env("AWS_ACCESS_KEY_ID", &self.key.0)
            .env("AWS_SECRET_ACCESS_KEY", &self.key.1);
        Ok(command)
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.operator(arguments)?.output()?)
    }

    fn run_ok(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "deskreel {arguments:?} failed: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    fn json(&self, arguments: &[&str]) -> Result<Value> {
        Ok(serde_json::from_str(&self.run_ok(arguments)?)?)
    }

    /// Time of screenshot `n`.
    fn at(&self, n: u64) -> u64 {
        self.start + n * 10_000
    }

    /// Just these screenshots are there, exact, and nothing is wrong.
    fn assert_kept(&self, stream: &str, kept: &[u64]) -> Result<()> {
        let times: Vec<u64> = kept.iter().map(|n| self.at(*n)).collect();
        assert_eq!(self.product.moments(stream)?, times);
        for n in kept {
            let frame = self.product.frame(stream, self.at(*n))?;
            assert!(frame == read_picture(&self.files[*n as usize])?, "screenshot {n} differs");
        }
        let now = self.at(12).to_string();
        let verify = ["verify", "--stream", stream, "--deep", "--json", "--now", &now];
        let report: Value = serde_json::from_str(&self.product.run_ok(&verify)?)?;
        assert_eq!(report["streams"][0]["deep"]["moments_exact"], kept.len());
        Ok(())
    }

    /// The objects of a stream on the disk: what a thief would find.
    fn stored(&self, name: &str) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        walk(&self.product.data(), &mut |path| {
            if path.to_string_lossy().contains(name) {
                found.push(path.to_owned());
            }
        })?;
        found.sort();
        Ok(found)
    }
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { walk(&path, visit)? } else { visit(&path) }
    }
    Ok(())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A day before the present, so that objects are as old as a sweep in the near future wants them.
fn a_day_ago() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64 - DAY_MS)
}

#[test]
fn a_recording_verifies_to_the_last_pixel_and_damage_is_named() -> Result<()> {
    let bucket = Bucket::recorded(START, &["--upload-every", "20s"])?;
    bucket.assert_kept("desk", &(0..12).collect::<Vec<_>>())?;
    let now = bucket.at(12).to_string();
    let report = bucket.json(&["verify", "--all", "--json", "--now", &now])?;
    assert_eq!(
        (&report["clean"], &report["streams"][0]["moments_shown"]),
        (&true.into(), &12.into())
    );

    let mut object = bucket.stored(&format!("{START}-"))?;
    object.retain(|path| path.to_string_lossy().contains("/segments"));
    let [object] = object.as_slice() else { panic!("{object:?}") };
    let whole = std::fs::read(object)?;
    // In the middle of a pack; and where the store itself notices and gives nothing.
    for (at, fault) in [(whole.len() / 2, "damaged-pack"), (whole.len() - 1, "missing-object")] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(object, damaged)?;
        let output =
            bucket.product.run(&["verify", "--stream", "desk", "--deep", "--now", &now])?;
        let text = String::from_utf8(output.stdout.clone())?;
        assert_eq!(output.status.code(), Some(1), "{text} {}", said(&output));
        assert!(text.contains(fault) && text.contains(&format!("{START}-")), "{text}");
    }
    std::fs::remove_file(object)?;
    let output = bucket.product.run(&["verify", "--stream", "desk", "--json", "--now", &now])?;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let problems = report["streams"][0]["problems"].as_array().context("problems")?;
    assert!(!problems.is_empty());
    for problem in problems {
        let object = problem["object"].as_str().context("an object")?;
        // The index of the hour is a cache, and tells of what is gone.
        if object.starts_with("index/desk/") {
            let told = ["index-invents", "missing-object"];
            assert!(problem["fault"].as_str().is_some_and(|f| told.contains(&f)), "{problem}");
            continue;
        }
        assert_eq!(problem["fault"], "missing-object", "{problem}");
        assert!(problem["time_ms"].as_u64() > Some(START), "{problem}");
        assert!(problem["object"].as_str().is_some_and(|key| key.starts_with("segments/desk/")));
    }
    Ok(())
}

#[test]
fn a_sweep_deletes_just_what_nothing_shown_needs() -> Result<()> {
    let bucket = Bucket::recorded(a_day_ago()?, &[])?;
    // The window begins between the sixth screenshot and the seventh.
    let now = (bucket.at(5) + 5_000 + DAY_MS).to_string();
    let sweep = ["admin", "sweep", "--stream", "desk", "--grace", "0s", "--json", "--now", &now];
    let before = bucket.stored(".seg")?.len();
    let mut dry = sweep.to_vec();
    dry.push("--dry-run");
    // To look, an agent's access is enough.
    let planned: Value = serde_json::from_str(&bucket.product.run_ok(&dry)?)?;
    let table = bucket.product.run_ok(&[
        "admin",
        "sweep",
        "--stream",
        "desk",
        "--grace",
        "0s",
        "--dry-run",
        "--now",
        &now,
    ])?;
    let objects = planned["streams"][0]["objects"].as_array().context("objects")?;
    for object in objects {
        let key = object["object"].as_str().context("a key")?;
        assert!(table.contains(key), "{key} is not in {table}");
    }
    assert_eq!(bucket.stored(".seg")?.len(), before);
    let refused = bucket.product.run(&sweep)?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("deskreel-server credentials"), "{}", said(&refused));
    assert_eq!(bucket.stored(".seg")?.len(), before);

    let swept = bucket.json(&sweep)?;
    assert_eq!(swept["streams"][0]["objects"], planned["streams"][0]["objects"]);
    // The index of an hour may go with them.
    let is_segment = |o: &&Value| o["object"].as_str().is_some_and(|key| key.ends_with(".seg"));
    assert_eq!(bucket.stored(".seg")?.len(), before - objects.iter().filter(is_segment).count());
    let report = bucket.json(&["verify", "--stream", "desk", "--deep", "--json", "--now", &now])?;
    assert_eq!(report["streams"][0]["moments_shown"], 6);
    for n in 6..12 {
        let frame = bucket.product.frame("desk", bucket.at(n))?;
        assert!(frame == read_picture(&bucket.files[n as usize])?, "screenshot {n} differs");
    }
    assert_eq!(bucket.json(&sweep)?["streams"][0]["deleted"], 0);

    // A day later nothing can be shown, and nothing stays.
    let later = (bucket.at(12) + 2 * DAY_MS).to_string();
    let all = ["admin", "sweep", "--all", "--json", "--now", &later];
    assert_eq!(bucket.json(&all)?["streams"][0]["kept"], 0);
    assert_eq!(bucket.stored(".seg")?.len() + bucket.stored(".sb")?.len(), 0);
    Ok(())
}

#[test]
fn what_is_forgotten_is_gone_from_the_disk_and_the_rest_stays_exact() -> Result<()> {
    let bucket = Bucket::recorded(START, &[])?;
    bucket.import("other", &[])?;
    let (from, to) = (bucket.at(3).to_string(), bucket.at(6).to_string());
    let forget = ["admin", "forget", "--stream", "desk", "--from", &from, "--to", &to];
    let refused = bucket.run(&forget)?;
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("--agent-stopped"), "{}", said(&refused));
    let dry = bucket.run_ok(&[&forget[..], &["--dry-run"]].concat())?;
    assert!(dry.contains("3 moments would be forgotten"), "{dry}");
    bucket.assert_kept("desk", &(0..12).collect::<Vec<_>>())?;
    let boards = || Ok::<_, anyhow::Error>(bucket.stored("/storyboards+/desk+/")?.len());
    assert_eq!(boards()?, 1);

    let done = bucket.json(&[&forget[..], &["--agent-stopped", "--json"]].concat())?;
    assert_eq!(done[0]["moments_forgotten"], 3);
    bucket.assert_kept("desk", &[0, 1, 2, 6, 7, 8, 9, 10, 11])?;
    for n in 3..6 {
        let of_desk = |path: &PathBuf| path.to_string_lossy().contains("/desk+/");
        let mut left = bucket.stored(&format!("/{}-", bucket.at(n)))?;
        assert_eq!(left.iter().filter(|path| !of_desk(path)).count(), 1, "the other stream's");
        left.retain(of_desk);
        assert_eq!(left, Vec::<PathBuf>::new());
    }
    assert_eq!(boards()?, 0, "a small picture of what is forgotten stays");
    bucket.assert_kept("other", &(0..12).collect::<Vec<_>>())?;
    let again = bucket.json(&[&forget[..], &["--agent-stopped", "--json"]].concat())?;
    assert_eq!(
        (&again[0]["moments_forgotten"], &again[0]["segments_written"]),
        (&0.into(), &0.into())
    );
    // The agent goes on where its tiles are now: it brings back just what is missing.
    bucket.import("desk", &[])?;
    bucket.assert_kept("desk", &(0..12).collect::<Vec<_>>())
}

#[test]
fn a_forget_killed_at_any_point_leaves_everything_whole_and_is_finished_by_running_it_again()
-> Result<()> {
    let bucket = Bucket::recorded(START, &[])?;
    let kept = [0, 4, 5, 6, 7, 8, 9, 10, 11];
    for round in 0..6_u64 {
        let stream = format!("killed-{round}");
        bucket.import(&stream, &[])?;
        let (from, to) = (bucket.at(1).to_string(), bucket.at(4).to_string());
        let forget = [
            "admin",
            "forget",
            "--stream",
            &stream,
            "--from",
            &from,
            "--to",
            &to,
            "--agent-stopped",
        ];
        let mut child = bucket.operator(&forget)?.spawn()?;
        std::thread::sleep(Duration::from_millis(40 + round * 90));
        child.kill()?;
        child.wait()?;
        let now = bucket.at(12).to_string();
        bucket.product.run_ok(&["verify", "--stream", &stream, "--deep", "--now", &now])?;
        bucket.run_ok(&forget)?;
        bucket.assert_kept(&stream, &kept)?;
    }
    Ok(())
}

#[test]
fn a_new_bucket_is_set_up_and_told_what_its_endpoint_honours() -> Result<()> {
    let bucket = Bucket::recorded(START, &[])?;
    let init = [
        "admin",
        "init-bucket",
        "--store",
        "s3://fresh-bucket",
        "--days",
        "3",
        "--origin",
        "https://player.example",
        "--json",
    ];
    let report = bucket.json(&init)?;
    assert_eq!((&report["ready"], &report["bucket"]), (&true.into(), &"fresh-bucket".into()));
    let honoured = |report: &Value, feature: &str| -> Result<Value> {
        let findings = report["findings"].as_array().context("findings")?;
        let found = findings.iter().find(|f| f["feature"] == feature);
        Ok(found.with_context(|| format!("{feature} in {report}"))?["honoured"].clone())
    };
    for feature in [
        "bucket",
        "lifecycle",
        "CORS rules",
        "CORS preflight",
        "If-None-Match on PUT",
        "Range on GET",
        "wrong Content-MD5 refused",
        "wrong SHA-256 refused",
        "delete",
    ] {
        assert_eq!(honoured(&report, feature)?, true, "{feature}: {report}");
    }
    // The embedded store has neither; that is told instead of pretended.
    assert_eq!(honoured(&report, "deleting is final")?, Value::Null, "{report}");
    assert_eq!(honoured(&report, "public access block")?, false, "{report}");
    let again = bucket.run_ok(&init[..init.len() - 1])?;
    assert!(again.contains("was there") && again.contains("is ready"), "{again}");
    assert_eq!(bucket.stored("probe")?, Vec::<PathBuf>::new());

    let soon = bucket.run(&["admin", "init-bucket", "--days", "1"])?;
    assert_eq!(soon.status.code(), Some(2), "{}", said(&soon));
    let server = bucket.product.run(&["admin", "init-bucket"])?;
    assert!(said(&server).contains("deskreel-server credentials"), "{}", said(&server));
    let stranger =
        bucket.operator(&["admin", "init-bucket"])?.env("AWS_SECRET_ACCESS_KEY", "x").output()?;
    assert_eq!(stranger.status.code(), Some(1));
    assert!(said(&stranger).contains("credentials"), "{}", said(&stranger));
    Ok(())
}
