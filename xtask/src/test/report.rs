//! The verdict over all stages: pure, from outcomes to text and success.

use std::fmt::Write;

use super::tally::Tally;

/// How a stage ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It ran whole and found nothing wrong.
    Passed,
    /// It found something wrong, or broke.
    Failed,
    /// What ran was right, but something could not run here: what and why, per line.
    Incomplete(Vec<String>),
}

impl Outcome {
    /// Passed, unless something is missing.
    pub(super) fn unless_missing(missing: Vec<String>) -> Self {
        if missing.is_empty() { Self::Passed } else { Self::Incomplete(missing) }
    }
}

/// One stage that was run.
#[derive(Debug)]
pub(super) struct Report {
    /// What people call it.
    pub(super) name: &'static str,
    /// How long it took.
    pub(super) seconds: f64,
    /// How it ended.
    pub(super) outcome: Outcome,
}

/// The end of the run.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Table of stages, what did not run, and as the last line `N passed, N failed`.
    pub(super) text: String,
    /// What the exit code says.
    pub(super) success: bool,
}

/// The name of the stage whose failures are in the tally one by one.
const TESTS: &str = "tests";

/// Judges the run. What could not run fails it only where `ci` is set. Each failed stage
/// counts as one in the last line, so that it never says `0 failed` of a failed run.
pub(super) fn verdict(reports: &[Report], tally: Tally, ci: bool) -> Verdict {
    let mut table = String::new();
    let mut not_run = String::new();
    let mut failed = tally.failed;
    let mut success = tally.failed == 0;
    for Report { name, seconds, outcome } in reports {
        let (word, counts) = match outcome {
            Outcome::Passed => ("ok", false),
            Outcome::Failed => ("FAILED", *name != TESTS || tally.failed == 0),
            Outcome::Incomplete(_) => ("incomplete", ci),
        };
        failed += u64::from(counts);
        success &= !counts && *outcome != Outcome::Failed;
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{name:<8} {seconds:>7.1} s  {word}");
        if let Outcome::Incomplete(reasons) = outcome {
            for reason in reasons {
                let _ = writeln!(not_run, "  {name}: {}", reason.replace('\n', "\n    "));
            }
        }
    }
    if !not_run.is_empty() {
        let meaning = if ci { ", and CI=true asks for everything" } else { "" };
        not_run = format!("\ncould not run here{meaning}:\n{not_run}");
    }
    let text = format!("{table}{not_run}\n{} passed, {failed} failed", tally.passed);
    Verdict { text, success }
}

/// The lines tests left in the file of skipped suites, each once: `suite<TAB>reason`.
pub(super) fn skipped(file: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in file.lines().filter(|line| !line.trim().is_empty()) {
        let line = match line.split_once('\t') {
            Some((suite, reason)) => format!("{suite}: {reason}"),
            None => line.to_owned(),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &'static str, outcome: Outcome) -> Report {
        Report { name, seconds: 1.25, outcome }
    }

    fn last_line(verdict: &Verdict) -> &str {
        verdict.text.lines().last().unwrap()
    }

    fn missing() -> Outcome {
        Outcome::Incomplete(vec!["browser: no Chromium".to_owned()])
    }

    #[test]
    fn a_good_run_ends_with_its_count() {
        let reports = [report("clippy", Outcome::Passed), report("tests", Outcome::Passed)];
        let verdict = verdict(&reports, Tally { passed: 12, failed: 0 }, true);
        assert!(verdict.success);
        assert_eq!(last_line(&verdict), "12 passed, 0 failed");
        assert!(verdict.text.starts_with("clippy       1.2 s  ok\n"), "{}", verdict.text);
        assert!(!verdict.text.contains("could not run"));
    }

    #[test]
    fn failed_tests_are_counted_one_by_one() {
        let reports = [report("tests", Outcome::Failed)];
        let verdict = verdict(&reports, Tally { passed: 12, failed: 3 }, false);
        assert!(!verdict.success);
        assert_eq!(last_line(&verdict), "12 passed, 3 failed");
    }

    #[test]
    fn a_failed_stage_counts_though_all_tests_passed() {
        let reports = [report("clippy", Outcome::Failed), report("tests", Outcome::Passed)];
        let verdict = verdict(&reports, Tally { passed: 12, failed: 0 }, false);
        assert!(!verdict.success);
        assert_eq!(last_line(&verdict), "12 passed, 1 failed");
    }

    #[test]
    fn tests_that_broke_without_a_count_count_as_one() {
        let reports = [report("tests", Outcome::Failed)];
        let verdict = verdict(&reports, Tally { passed: 2, failed: 0 }, false);
        assert!(!verdict.success);
        assert_eq!(last_line(&verdict), "2 passed, 1 failed");
    }

    #[test]
    fn what_could_not_run_is_named_last_and_fails_only_ci() {
        let reports = [report("tests", missing())];
        let at_home = verdict(&reports, Tally { passed: 2, failed: 0 }, false);
        assert!(at_home.success);
        assert_eq!(last_line(&at_home), "2 passed, 0 failed");
        assert!(at_home.text.contains("could not run here:\n  tests: browser: no Chromium\n"));
        let in_ci = verdict(&reports, Tally { passed: 2, failed: 0 }, true);
        assert!(!in_ci.success);
        assert_eq!(last_line(&in_ci), "2 passed, 1 failed");
    }

    #[test]
    fn skipped_suites_are_listed_once_with_their_reason() {
        let file = "desktop\tno Xvfb\n\nminio\tno Go\ndesktop\tno Xvfb\nstray\n";
        assert_eq!(skipped(file), ["desktop: no Xvfb", "minio: no Go", "stray"]);
        assert!(skipped("").is_empty());
    }
}
