//! Names and proofs of the player's files: what may be cached for ever carries a hash of its bytes in
//! its name, and whoever loads a file knows its digest (subresource integrity).
//!
//! Three files keep their names, because people and workers call them by it: `index.html`,
//! `deskreel-player.js` (one line that leads on to the hashed one) and `decoder.js`. Browsers check
//! digests of what a page names: scripts, styles, preloaded modules, and the WebAssembly module, which
//! is fetched with its digest. What `decoder.js` imports they do not check.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use data_encoding::BASE64;
use sha2::{Digest, Sha384};

const PAGE: &str = "index.html";
/// What pages of other sites load.
const ELEMENT: &str = "deskreel-player.js";
/// What workers load.
const WORKER: &str = "decoder.js";
/// What few pages ever load, and none at first.
const LATE: &str = "codecs.js";
/// How the generated code fetches the module.
const FETCH: &str = "fetch(module_or_path)";

/// The files of the player, by name.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// A file with its hashed name.
struct Named {
    name: String,
    integrity: String,
}

/// Gives every file that a browser loads a name that no other bytes have, and names all of them so.
/// `small` makes a script or style smaller, once it names what it loads.
///
/// # Errors
/// When files name each other in a circle, or generated code is not as expected.
pub(super) fn hash_names(
    mut files: Files,
    small: impl Fn(&str, Vec<u8>) -> Result<Vec<u8>>,
) -> Result<Files> {
    let mut named: BTreeMap<String, Named> = BTreeMap::new();
    let mut shipped = Files::new();
    let mut waiting: Vec<String> = files.keys().filter(|name| is_hashed(name)).cloned().collect();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut later = Vec::new();
        for name in waiting {
            let bytes = &files[&name];
            let awaits = files
                .keys()
                .filter(|other| is_hashed(other) && !named.contains_key(*other))
                .any(|other| *other != name && mentions(&name, bytes, other));
            if awaits {
                later.push(name);
                continue;
            }
            let bytes = small(&name, rewrite(&name, bytes, &named)?)?;
            let file = Named { name: hashed_name(&name, &bytes), integrity: integrity(&bytes) };
            shipped.insert(file.name.clone(), bytes);
            named.insert(name, file);
        }
        if later.len() == before {
            bail!("these files of the player import each other in a circle: {}", later.join(", "));
        }
        waiting = later;
    }
    if let Some(element) = named.get(ELEMENT) {
        let line = format!("export * from \"./{}\";\n", element.name);
        shipped.insert(ELEMENT.to_owned(), line.into_bytes());
    }
    files.retain(|name, _| !named.contains_key(name));
    for (name, bytes) in files {
        let bytes = if name == PAGE {
            page(&bytes, &named)?
        } else if name == WORKER {
            small(&name, rewrite(&name, &bytes, &named)?)?
        } else {
            bytes
        };
        shipped.insert(name, bytes);
    }
    Ok(shipped)
}

/// Whether a file gets a hashed name.
fn is_hashed(name: &str) -> bool {
    let kind = name.rsplit_once('.').map_or("", |(_, kind)| kind);
    matches!(kind, "js" | "css" | "svg" | "wasm") && name != WORKER
}

/// `name.HASH.kind`: 16 hexadecimal digits of the bytes' BLAKE3.
fn hashed_name(name: &str, bytes: &[u8]) -> String {
    let hash = blake3::hash(bytes).to_hex();
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
    format!("{stem}.{}.{kind}", &hash[..16])
}

fn integrity(bytes: &[u8]) -> String {
    format!("sha384-{}", BASE64.encode(&Sha384::digest(bytes)))
}

/// How the file `name` would name `other`.
fn spellings(name: &str, other: &str) -> Vec<String> {
    if name.ends_with(".js") {
        // Imports and URLs of our own code, and the generated code's module.
        vec![format!("\"./{other}\""), format!("'{other}'")]
    } else {
        vec![format!("=\"{other}\""), format!("url({other})")]
    }
}

fn mentions(name: &str, bytes: &[u8], other: &str) -> bool {
    std::str::from_utf8(bytes)
        .is_ok_and(|text| spellings(name, other).iter().any(|spelling| text.contains(spelling)))
}

/// The file with the new names of what it loads; the module is fetched with its digest.
fn rewrite(name: &str, bytes: &[u8], named: &BTreeMap<String, Named>) -> Result<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(bytes.to_vec()) };
    let mut text = text.to_owned();
    for (other, file) in named.iter().filter(|(other, _)| mentions(name, bytes, other)) {
        for spelling in spellings(name, other) {
            text = text.replace(&spelling, &spelling.replace(other, &file.name));
        }
        if other.ends_with(".wasm") && name.ends_with(".js") {
            if text.matches(FETCH).count() != 1 {
                bail!("{name} does not fetch the module by `{FETCH}`: wasm-bindgen has changed");
            }
            let with = format!("fetch(module_or_path, {{ integrity: \"{}\" }})", file.integrity);
            text = text.replace(FETCH, &with);
        }
    }
    Ok(text.into_bytes())
}

/// The page: new names, digests beside them, and every module announced, so that none waits for the
/// one that imports it and each is checked.
fn page(bytes: &[u8], named: &BTreeMap<String, Named>) -> Result<Vec<u8>> {
    let text = std::str::from_utf8(bytes).context("index.html is not UTF-8")?;
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        let is_link =
            ["<script", "rel=\"stylesheet\"", "preload\""].iter().any(|l| line.contains(l));
        for (other, file) in named {
            let spelling = format!("=\"{other}\"");
            let mut with = format!("=\"{}\"", file.name);
            if is_link && !other.ends_with(".svg") {
                with += &format!(" integrity=\"{}\"", file.integrity);
            }
            line = line.replace(&spelling, &with);
        }
        if line.contains("<script") {
            let is_first = |name: &str| name.ends_with(".js") && name != LATE;
            let modules = named.iter().filter(|(name, _)| is_first(name));
            let announced = modules.filter(|(_, file)| !text_names(&lines, &file.name));
            let links: Vec<String> = announced
                .map(|(_, file)| {
                    let Named { name, integrity } = file;
                    format!(
                        "  <link rel=\"modulepreload\" href=\"{name}\" integrity=\"{integrity}\">"
                    )
                })
                .collect();
            lines.extend(links);
        }
        lines.push(line);
    }
    Ok((lines.join("\n") + "\n").into_bytes())
}

fn text_names(lines: &[String], name: &str) -> bool {
    lines.iter().any(|line| line.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(all: &[(&str, &str)]) -> Files {
        all.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    fn hash(files: Files) -> Result<Files> {
        hash_names(files, |_, bytes| Ok(bytes))
    }

    fn sample(leaf: &str) -> Files {
        hash(files(&[
            (
                "index.html",
                "<link rel=\"stylesheet\" href=\"a.css\">\n<link rel=\"icon\" href=\"i.svg\">\n\
                 <script type=\"module\" src=\"page.js\"></script>\n",
            ),
            ("a.css", "p{}"),
            ("i.svg", "<svg/>"),
            ("page.js", "import \"./deskreel-player.js\";"),
            ("deskreel-player.js", "import init from \"./player.js\";"),
            ("decoder.js", "import init from \"./player.js\";"),
            ("player.js", &format!("new URL('player_bg.wasm'); fetch(module_or_path); {leaf}")),
            ("player_bg.wasm", "\0asm"),
            ("package.json", "{}"),
        ]))
        .unwrap()
    }

    fn text(files: &Files, start: &str, end: &str) -> (String, String) {
        let mut found = files.iter().filter(|(name, _)| name.starts_with(start));
        let (name, bytes) = found.find(|(name, _)| name.ends_with(end)).unwrap();
        (name.clone(), String::from_utf8(bytes.clone()).unwrap())
    }

    #[test]
    fn a_name_changes_with_the_bytes_and_with_all_that_they_load() {
        let (one, two) = (sample("1"), sample("2"));
        for (name, is_same) in
            [("a.", true), ("player_bg.", true), ("player.", false), ("page.", false)]
        {
            let name_in = |files: &Files| text(files, name, "").0;
            assert_eq!(name_in(&one) == name_in(&two), is_same, "{name}");
        }
        assert_eq!(text(&one, "deskreel-player.js", "").0, "deskreel-player.js");
        assert!(one.contains_key("package.json") && one.contains_key("decoder.js"));
        assert!(!one.contains_key("player.js") && !one.contains_key("page.js"));
    }

    #[test]
    fn everything_is_named_as_it_is_called_now() {
        let files = sample("");
        let (player, code) = text(&files, "player.", ".js");
        let (module, bytes) = text(&files, "player_bg.", "");
        assert!(code.contains(&format!("'{module}'")), "{code}");
        assert!(code.contains(&integrity(bytes.as_bytes())), "{code}");
        assert_eq!(text(&files, "decoder.js", "").1, format!("import init from \"./{player}\";"));
        let (element, _) = text(&files, "deskreel-player.", ".js");
        assert!(text(&files, "page.", "").1.contains(&element));
        assert_eq!(files[ELEMENT], format!("export * from \"./{element}\";\n").as_bytes());
    }

    #[test]
    fn the_page_knows_the_digest_of_each_script_and_style() {
        let files = sample("");
        let page = text(&files, "index.html", "").1;
        for (start, end) in
            [("a.", ".css"), ("page.", ""), ("player.", ".js"), ("deskreel-player.", ".js")]
        {
            let mut named =
                files.iter().filter(|(name, _)| name.starts_with(start) && name.ends_with(end));
            let (name, bytes) = named.find(|(name, _)| *name != ELEMENT).unwrap();
            let line = page.lines().find(|line| line.contains(&format!("\"{name}\""))).unwrap();
            assert!(line.contains(&integrity(bytes)), "{line}");
        }
        assert!(page.contains(&text(&files, "i.", "").0) && !page.contains("svg\" integrity"));
    }

    #[test]
    fn scripts_are_made_small_before_their_digest_is_taken() {
        let all = files(&[("decoder.js", "  import \"./a.js\""), ("a.js", "  1")]);
        let trim = |_: &str, bytes: Vec<u8>| Ok(bytes.trim_ascii().to_vec());
        let shipped = hash_names(all, trim).unwrap();
        let name = hashed_name("a.js", b"1");
        assert_eq!(shipped[&name], b"1");
        assert_eq!(shipped["decoder.js"], format!("import \"./{name}\"").into_bytes());
    }

    #[test]
    fn a_circle_is_refused() {
        let circle = files(&[("a.js", "import \"./b.js\";"), ("b.js", "import \"./a.js\";")]);
        assert!(hash(circle).unwrap_err().to_string().contains("circle"));
    }
}
