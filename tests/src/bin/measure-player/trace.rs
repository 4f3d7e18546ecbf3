//! Where the time of a cold seek goes: when each request began, was answered and ended, and when each
//! pack went to a decoder and came back.

use anyhow::{Context, Result};
use deskreel_tests::browser::Browser;
use serde_json::Value;

/// Hears what goes to workers and comes back, from the next page on.
pub(super) async fn listen(browser: &Browser) -> Result<()> {
    let script = "window.packs = new Map();
        const send = Worker.prototype.postMessage;
        Worker.prototype.postMessage = function (message, ...rest) {
          if (message.id !== undefined) {
            packs.set(message.id, [performance.now(), 0, message.bytes.length]);
          }
          if (!this.heard) {
            this.heard = true;
            this.addEventListener('message', ({ data }) => {
              if (packs.has(data.id)) packs.get(data.id)[1] = performance.now();
            });
          }
          return send.call(this, message, ...rest);
        };";
    let script = serde_json::json!({ "source": script });
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", script).await.map(drop)
}

/// Seeks to `time_ms` (with the page's `seekTo`) and prints what happened meanwhile.
pub(super) async fn seek(browser: &Browser, time_ms: u64) -> Result<()> {
    let body = format!(
        "performance.clearResourceTimings();
         packs.clear();
         const begun = performance.now();
         const seeking = seekTo({time_ms});
         const asked = performance.now() - begun;
         const took = await seeking;
         const since = at => Math.round(at - begun);
         return [`${{Math.round(took)}} ms, ${{Math.round(asked)}} of them in the call`,
           performance.getEntriesByType('resource').map(e => [since(e.startTime),
             since(e.requestStart), since(e.responseStart), since(e.responseEnd), e.encodedBodySize]),
           [...packs.values()].map(([from, to, size]) => [since(from), to ? since(to) : -1, size])];"
    );
    let seen = browser.player(&body).await?;
    println!("seek to {time_ms}: {}", seen[0]);
    for line in seen[1].as_array().context("requests")? {
        println!(
            "  request  asked {} sent {} answered {} ended {} ms, {} bytes",
            line[0], line[1], line[2], line[3], line[4]
        );
    }
    let packs: &Vec<Value> = seen[2].as_array().context("packs")?;
    for line in packs {
        println!("  decoding from {} to {} ms, {} bytes", line[0], line[1], line[2]);
    }
    Ok(())
}
