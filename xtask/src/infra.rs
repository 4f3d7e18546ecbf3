//! Linters of the infrastructure template: cfn-lint, `sam validate --lint` and checkov, from PyPI,
//! pinned, each in a virtual environment of its own because their dependencies contradict.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::repo::Repo;

/// The template, from the root of the repository.
const TEMPLATE: &str = "infra/template.yaml";

/// One tool.
struct Tool {
    program: &'static str,
    package: &'static str,
    version: &'static str,
}

const CFN_LINT: Tool = Tool { program: "cfn-lint", package: "cfn-lint", version: "1.58.0" };
const SAM: Tool = Tool { program: "sam", package: "aws-sam-cli", version: "1.170.0" };
const CHECKOV: Tool = Tool { program: "checkov", package: "checkov", version: "3.3.30" };

impl Tool {
    /// The program, installed if it is not there in this version.
    fn obtain(&self, repo: &Repo) -> Result<PathBuf> {
        let folder = repo.tools().join(format!("{}-{}", self.package, self.version));
        let program = folder.join("bin").join(self.program);
        if program.is_file() {
            return Ok(program);
        }
        fs::create_dir_all(repo.tools())?;
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            .context("linting the template takes Python 3.9 or newer with its venv module")?;
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check"]);
        pip.arg(format!("{}=={}", self.package, self.version));
        process::run(&mut pip).with_context(|| format!("cannot install {}", self.package))?;
        Ok(program)
    }
}

/// Lints the template; what could not be had to do so. None of the tools needs an account, and once
/// they are installed none needs the network.
///
/// # Errors
/// Names the tool that complained.
pub(crate) fn lint(repo: &Repo) -> Result<Vec<String>> {
    let mut programs = Vec::new();
    let mut missing = Vec::new();
    for tool in [CFN_LINT, SAM, CHECKOV] {
        match tool.obtain(repo) {
            Ok(program) => programs.push((tool.program, program)),
            Err(error) => missing.push(format!("{}: {error:#}", tool.program)),
        }
    }
    let template = repo.root.join(TEMPLATE);
    let quiet = |program: PathBuf| {
        let mut command = Command::new(program);
        command.current_dir(&repo.root);
        command.env("SAM_CLI_TELEMETRY", "0").env("AWS_DEFAULT_REGION", "eu-central-1");
        // Nobody's own account is asked, even where there is one.
        command.env("AWS_ACCESS_KEY_ID", "none").env("AWS_SECRET_ACCESS_KEY", "none");
        command
    };
    for (name, program) in programs {
        let mut command = quiet(program);
        match name {
            "cfn-lint" => command.arg(&template),
            "sam" => command.args(["validate", "--lint", "--template"]).arg(&template),
            _ => command
                .args(["--framework", "cloudformation", "--compact", "--quiet", "--skip-download"])
                .arg("--file")
                .arg(&template),
        };
        process::run(&mut command)?;
    }
    Ok(missing)
}
