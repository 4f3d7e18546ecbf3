//! A small load on the server's own store and on MinIO: nothing fails, all of it is stored, and the
//! server's memory does not grow with it. `--bin load` does the same at any size, and measures.

use anyhow::Result;
use deskreel_tests::load::{Behind, Plan, Target, Verb, run};
use deskreel_tests::minio::Minio;
use deskreel_tests::product::{not_run, pictures, sample_recording};

#[tokio::test(flavor = "multi_thread")]
async fn forty_desktops_and_two_people_get_all_they_ask_for() -> Result<()> {
    let mut places = vec![Behind::Embedded];
    match Minio::program() {
        Ok(_) => places.push(Behind::Minio),
        Err(error) => not_run("minio", &format!("load: {error}")),
    }
    for behind in places {
        let plan = Plan {
            desktops: 40,
            recordings: 3,
            shots: 12,
            interval_ms: 10_000,
            speed: 0.0,
            viewers: 2,
            pictures: pictures(&sample_recording())?,
        };
        let target = Target::start(behind).await?;
        let outcome = run(plan, &target, |_| ()).await?;
        assert_eq!(outcome.errors, Vec::<String>::new(), "{behind:?}");
        assert_eq!((outcome.segments, outcome.indexes), (40 * 12, 40), "{behind:?}");
        for figures in &outcome.figures {
            assert_eq!(figures.failed, 0, "{behind:?} {:?}", figures.verb);
        }
        let puts = outcome.figures.iter().find(|figures| figures.verb == Verb::Put);
        assert_eq!(puts.map(|puts| puts.count), Some(40 * 13), "{behind:?}");
        // All that was sent is several times as much.
        let server: Vec<u64> = outcome.memory.iter().map(|(server, _)| *server).collect();
        let (first, most) = (server[0], server.iter().max().copied().unwrap_or(0));
        assert!(most < first + 150_000_000, "{behind:?}: from {first} to {most} bytes");
    }
    Ok(())
}
