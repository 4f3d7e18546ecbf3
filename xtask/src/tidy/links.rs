//! Whether the links in Markdown files lead somewhere.

use std::collections::HashMap;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::files::TextFile;

/// What is wrong with the links of all Markdown files. `exists` tells whether a path
/// relative to the root is a file or folder. Addresses on the web are not visited.
pub(super) fn check(files: &[TextFile], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let pages: HashMap<&str, Page> = files
        .iter()
        .filter(|file| file.extension() == "md")
        .map(|file| (file.path.as_str(), Page::parse(&file.text)))
        .collect();
    let mut problems: Vec<String> = pages
        .iter()
        .flat_map(|(path, page)| page.links.iter().map(move |link| (*path, link)))
        .filter_map(|(path, link)| {
            let reason = broken(path, link, &pages, &exists)?;
            Some(format!("{path}: the link `{link}` leads nowhere: {reason}"))
        })
        .collect();
    problems.sort();
    problems
}

/// What of a page matters to links.
struct Page {
    /// Where its links lead, as written.
    links: Vec<String>,
    /// The names its headings can be linked by.
    anchors: Vec<String>,
}

impl Page {
    fn parse(text: &str) -> Self {
        let mut page = Self { links: Vec::new(), anchors: Vec::new() };
        let mut heading: Option<String> = None;
        for event in Parser::new(text) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let anchor = anchor(&heading.take().unwrap_or_default());
                    page.add_anchor(anchor);
                }
                Event::Text(part) | Event::Code(part) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&part);
                    }
                }
                Event::SoftBreak => {
                    if let Some(heading) = &mut heading {
                        heading.push(' ');
                    }
                }
                _ => {}
            }
        }
        page
    }

    /// Of equal headings the second is `name-1`, the third `name-2`.
    fn add_anchor(&mut self, anchor: String) {
        let mut name = anchor.clone();
        let mut number = 0;
        while self.anchors.contains(&name) {
            number += 1;
            name = format!("{anchor}-{number}");
        }
        self.anchors.push(name);
    }
}

/// The name a heading can be linked by, as GitHub makes it.
fn anchor(heading: &str) -> String {
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Why the link leads nowhere, or `None` if it does lead somewhere.
fn broken(
    from: &str,
    link: &str,
    pages: &HashMap<&str, Page>,
    exists: impl Fn(&str) -> bool,
) -> Option<&'static str> {
    let scheme = link.split(['/', '#', '?']).next().unwrap_or_default();
    if scheme.contains(':') || link.starts_with("//") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = if file.is_empty() {
        from.to_owned()
    } else {
        match resolve(from, file) {
            None => return Some("it leaves the repository"),
            Some(path) if !exists(&path) => return Some("there is no such file"),
            Some(path) => path,
        }
    };
    let page = pages.get(path.as_str())?;
    let known = anchor.is_empty() || page.anchors.iter().any(|known| known == anchor);
    (!known).then_some("the page has no such heading")
}

/// The link's path from the root; `None` if it climbs out of the repository.
fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if link.starts_with('/') {
        parts.clear();
    }
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The problems of `docs/a.md` beside a `docs/b.md` and a `LICENSE`.
    fn problems(text: &str) -> Vec<String> {
        let file = |path: &str, text: &str| TextFile { path: path.into(), text: text.into() };
        let b = "# Two words\n\n## The `key` list, v1.2\n\n# Two words\n";
        let files = [file("docs/a.md", text), file("docs/b.md", b), file("LICENSE", "")];
        check(&files, |path| path == "docs" || files.iter().any(|file| file.path == path))
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        for link in [
            "b.md",
            "./b.md#two-words",
            "b.md#two-words-1",
            "b.md#the-key-list-v12",
            "../LICENSE",
            "../docs/",
            "#here",
            "https://a.example/none.md",
            "mailto:ana@a.example",
        ] {
            assert_eq!(problems(&format!("# Here\n[x]({link})")), [""; 0], "{link}");
        }
    }

    #[test]
    fn links_that_lead_nowhere_are_named() {
        for (link, reason) in [
            ("c.md", "no such file"),
            ("LICENSE", "no such file"),
            ("b.md#three", "no such heading"),
            ("#there", "no such heading"),
            ("../../c.md", "leaves the repository"),
        ] {
            let found = problems(&format!("# Here\n[x]({link})"));
            assert_eq!(found.len(), 1, "{link}");
            assert!(found[0].contains(link) && found[0].contains(reason), "{found:?}");
        }
    }

    #[test]
    fn images_and_references_are_links_and_code_is_not() {
        assert_eq!(problems("![x](c.png)").len(), 1);
        assert_eq!(problems("[x][c]\n\n[c]: c.md").len(), 1);
        assert!(problems("`[x](c.md)`\n\n```\n[x](c.md)\n```").is_empty());
    }
}
