//! `deskreel admin init-bucket`: a bucket ready for recordings, and what its endpoint honours.

use super::super::common::{Failure, Place, new_writer, print};
use deskreel_upkeep::probe::{Finding, Wishes, init};

/// Makes the bucket if it is missing, sets expiry, CORS and the public access block, and finds out
/// what the endpoint really honours
///
/// May be run again at any time: it sets the same again, and deletes what it wrote to find out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  deskreel admin init-bucket --days 2 --store s3://bucket
  deskreel admin init-bucket --days 2 --store s3://bucket --endpoint http://127.0.0.1:9000 --json
  deskreel admin init-bucket --days 3 --origin https://player.example --store s3://bucket/team

Exit codes: 0 ready; 1 something that Deskreel needs does not work.")]
pub(crate) struct Args {
    /// Days after which objects expire; segments are needed for 2
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=3650), default_value_t = 2)]
    days: u32,
    /// Origin of pages that may read, such as https://player.example; may be given several times
    #[arg(long, default_value = "*")]
    origin: Vec<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) async fn run(args: Args) -> Result<u8, Failure> {
    let options = args.place.store();
    let store = options.open_bucket().await?;
    let run = format!("{:08x}", new_writer());
    let wishes = Wishes { days: args.days, origins: args.origin, run };
    let findings = init(&store, &wishes).await?;
    let ready = findings.iter().all(|finding| !finding.needed || finding.honoured == Some(true));
    let text = if args.json {
        let report = serde_json::json!({
            "endpoint": store.endpoint(),
            "bucket": store.bucket(),
            "ready": ready,
            "findings": findings,
        });
        serde_json::to_string_pretty(&report).map_err(Failure::failed)? + "\n"
    } else {
        let rows: String = findings.iter().map(row).collect();
        let state = if ready { "is ready" } else { "is NOT ready" };
        format!("{rows}bucket '{}' at {} {state}\n", store.bucket(), store.endpoint())
    };
    print(&text)?;
    Ok(u8::from(!ready))
}

fn row(finding: &Finding) -> String {
    let Finding { feature, honoured, detail, .. } = finding;
    let answer = match honoured {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    };
    format!("{feature:<28} {answer:<8} {detail}").trim_end().to_owned() + "\n"
}
