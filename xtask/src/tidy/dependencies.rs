//! Which crate must not depend on which: the architecture's boundaries.

/// A boundary: the crate must not reach the others, not even through third parties.
struct Boundary {
    from: &'static str,
    /// Package names; one that ends in `-` stands for all it begins.
    never: &'static [&'static str],
    why: &'static str,
}

const BOUNDARIES: [Boundary; 7] = [
    Boundary {
        from: "deskreel-format",
        never: &[
            "tokio",
            "aws-",
            "reqwest",
            "hyper",
            "web-sys",
            "js-sys",
            "wasm-bindgen",
            "deskreel-store",
            "deskreel-upkeep",
            "deskreel-capture",
            "deskreel-server",
            "deskreel-player",
        ],
        why: "the format is bytes in, bytes out, on every platform",
    },
    Boundary {
        from: "deskreel-player",
        never: &[
            "tokio",
            "aws-",
            "deskreel-store",
            "deskreel-upkeep",
            "deskreel-capture",
            "deskreel-server",
        ],
        why: "the player runs in a browser and needs nothing but the format",
    },
    Boundary {
        from: "deskreel-store",
        never: &["deskreel-upkeep", "deskreel-capture", "deskreel-server", "deskreel-player"],
        why: "the store knows objects, not who uses them",
    },
    Boundary {
        from: "deskreel-upkeep",
        never: &["deskreel-capture", "deskreel-server", "deskreel-player"],
        why: "upkeep serves agents, operators and the server, and knows none of them",
    },
    Boundary {
        from: "deskreel-capture",
        never: &["deskreel-server", "deskreel-player"],
        why: "agent and server meet in the bucket only",
    },
    Boundary {
        from: "deskreel-functions",
        never: &["deskreel-capture", "deskreel-player"],
        why: "functions are a shell around the server's handlers",
    },
    Boundary {
        from: "deskreel-server",
        never: &["deskreel-capture", "deskreel-player"],
        why: "agent and server meet in the bucket only",
    },
];

/// Nothing may build on the build tool.
const BUILD_TOOL: &str = "xtask";

/// What is wrong with a member, given its `cargo tree --prefix depth --format {p}`.
pub(super) fn check(member: &str, tree: &str) -> Vec<String> {
    let boundary = BOUNDARIES.iter().find(|boundary| boundary.from == member);
    let mut problems = Vec::new();
    // The packages between the member and the present line.
    let mut path: Vec<&str> = Vec::new();
    for line in tree.lines() {
        let Some((depth, name)) = parse(line) else { continue };
        path.truncate(depth);
        path.push(name);
        if depth == 0 {
            continue;
        }
        let why = match boundary {
            Some(boundary) if boundary.never.iter().any(|never| matches(never, name)) => {
                boundary.why
            }
            _ if name == BUILD_TOOL => "nothing builds on the build tool",
            _ => continue,
        };
        problems.push(format!(
            "{member}: must not depend on {name}: {why} (through {})",
            path.join(" -> ")
        ));
    }
    problems
}

/// `3blake3 v1.8.2 (*)` is `(3, "blake3")`.
fn parse(line: &str) -> Option<(usize, &str)> {
    let digits = line.find(|c: char| !c.is_ascii_digit())?;
    let name = line[digits..].split_whitespace().next()?;
    Some((line[..digits].parse().ok()?, name))
}

fn matches(never: &str, name: &str) -> bool {
    if never.ends_with('-') { name.starts_with(never) } else { name == never }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_inside_the_boundaries_has_no_problems() {
        let tree = "0deskreel-format v0.1.0 (/x)\n1blake3 v1.8.2\n2cc v1.2.0\n1tokio-free v1.0.0\n";
        assert!(check("deskreel-format", tree).is_empty());
    }

    #[test]
    fn a_forbidden_crate_is_found_with_the_way_it_came() {
        let tree =
            "0deskreel-player v0.1.0 (/x)\n1a v1.0.0\n2b v1.0.0\n1c v1.0.0\n2tokio v1.47.0 (*)\n";
        let problems = check("deskreel-player", tree);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("deskreel-player -> c -> tokio"), "{problems:?}");
    }

    #[test]
    fn a_family_of_crates_is_forbidden_by_its_beginning() {
        let problems = check("deskreel-format", "0deskreel-format v0.1.0\n1aws-sdk-s3 v1.0.0\n");
        assert!(problems[0].contains("aws-sdk-s3"));
    }

    #[test]
    fn nobody_depends_on_the_build_tool_and_it_may_be_itself() {
        assert_eq!(check("deskreel-tests", "0deskreel-tests v0.1.0\n1xtask v0.1.0\n").len(), 1);
        assert!(check("xtask", "0xtask v0.1.0\n1clap v4.0.0\n").is_empty());
    }

    #[test]
    fn the_same_crate_is_fine_where_it_is_not_forbidden() {
        assert!(check("deskreel-store", "0deskreel-store v0.1.0\n1tokio v1.47.0\n").is_empty());
    }
}
