//! Cross-origin rules of a bucket: which web pages may read it, decided without any I/O.

use serde::{Deserialize, Serialize};

/// One rule, with the meaning S3 gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorsRule {
    /// The rule's name, kept for whoever reads the rules back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Origins as the browser sends them; one `*` in each stands for any text.
    pub origins: Vec<String>,
    /// HTTP methods in upper case.
    pub methods: Vec<String>,
    /// Request headers a page may send; one `*` in each stands for any text; case does not matter.
    #[serde(default)]
    pub request_headers: Vec<String>,
    /// Response headers a page may read.
    #[serde(default)]
    pub expose_headers: Vec<String>,
    /// How long a browser may remember the answer, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_s: Option<i32>,
}

/// What a new bucket allows: any page may read, if it holds a key to sign with.
pub fn default_rules() -> Vec<CorsRule> {
    let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    vec![CorsRule {
        id: Some("deskreel-player".into()),
        origins: texts(&["*"]),
        methods: texts(&["GET", "HEAD"]),
        request_headers: texts(&[
            "authorization",
            "content-type",
            "if-match",
            "if-modified-since",
            "if-none-match",
            "range",
            "x-amz-*",
        ]),
        expose_headers: texts(&[
            "Accept-Ranges",
            "Content-Length",
            "Content-Range",
            "Date",
            "ETag",
            "Last-Modified",
        ]),
        max_age_s: Some(3600),
    }]
}

/// The response headers, as (name, value), for a request of `method` from a page of `origin`;
/// `None` if no rule allows it.
pub fn response_headers(
    rules: &[CorsRule],
    origin: &str,
    method: &str,
) -> Option<Vec<(&'static str, String)>> {
    let rule = rules.iter().find(|rule| rule.admits(origin, method))?;
    let mut headers = rule.origin_headers(origin);
    if !rule.expose_headers.is_empty() {
        headers.push(("access-control-expose-headers", rule.expose_headers.join(", ")));
    }
    Some(headers)
}

/// The response headers for the preflight of such a request with `request_headers` (comma-separated
/// as the browser sends them); `None` if no rule allows it.
pub fn preflight_headers(
    rules: &[CorsRule],
    origin: &str,
    method: &str,
    request_headers: &str,
) -> Option<Vec<(&'static str, String)>> {
    let asked: Vec<String> = request_headers
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    let rule = rules.iter().find(|rule| {
        rule.admits(origin, method) && asked.iter().all(|name| rule.admits_header(name))
    })?;
    let mut headers = rule.origin_headers(origin);
    headers.push(("access-control-allow-methods", rule.methods.join(", ")));
    if !asked.is_empty() {
        headers.push(("access-control-allow-headers", asked.join(", ")));
    }
    if let Some(seconds) = rule.max_age_s {
        headers.push(("access-control-max-age", seconds.to_string()));
    }
    Some(headers)
}

impl CorsRule {
    fn admits(&self, origin: &str, method: &str) -> bool {
        self.methods.iter().any(|allowed| allowed == method)
            && self.origins.iter().any(|pattern| matches(pattern, origin))
    }

    fn admits_header(&self, name: &str) -> bool {
        self.request_headers.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), name))
    }

    fn origin_headers(&self, origin: &str) -> Vec<(&'static str, String)> {
        let any = self.origins.iter().any(|pattern| pattern == "*");
        let allowed = if any { "*" } else { origin };
        vec![("access-control-allow-origin", allowed.to_owned())]
    }
}

/// Whether `text` is `pattern`, in which the first `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(origins: &[&str], methods: &[&str]) -> CorsRule {
        CorsRule {
            origins: origins.iter().map(ToString::to_string).collect(),
            methods: methods.iter().map(ToString::to_string).collect(),
            request_headers: vec!["X-Amz-*".into()],
            ..default_rules().remove(0)
        }
    }

    #[test]
    fn patterns_match_as_s3_says() {
        for (pattern, text, expected) in [
            ("*", "https://a.example", true),
            ("https://*.example", "https://a.example", true),
            ("https://*.example", "https://a.example.evil", false),
            ("https://a*a", "https://a", false),
            ("https://a.example", "https://a.example", true),
            ("https://a.example", "http://a.example", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_default_lets_any_page_read_and_none_write() {
        let rules = default_rules();
        let headers = preflight_headers(&rules, "https://p", "GET", "Range, x-amz-date").unwrap();
        assert!(headers.contains(&("access-control-allow-origin", "*".into())));
        assert!(headers.contains(&("access-control-allow-headers", "range, x-amz-date".into())));
        let exposed = response_headers(&rules, "https://p", "GET").unwrap();
        assert!(exposed.iter().any(|(name, value)| {
            *name == "access-control-expose-headers" && value.contains("Content-Range")
        }));
        assert_eq!(preflight_headers(&rules, "https://p", "PUT", ""), None);
        assert_eq!(preflight_headers(&rules, "https://p", "GET", "x-evil"), None);
    }

    #[test]
    fn a_named_origin_is_echoed_and_others_get_nothing() {
        let rules = [rule(&["https://a.example"], &["GET"])];
        let headers = response_headers(&rules, "https://a.example", "GET").unwrap();
        assert_eq!(headers[0], ("access-control-allow-origin", "https://a.example".into()));
        assert_eq!(response_headers(&rules, "https://b.example", "GET"), None);
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rules = [rule(&["https://a"], &["PUT"]), rule(&["*"], &["GET"])];
        let headers = preflight_headers(&rules, "https://a", "GET", "").unwrap();
        assert!(headers.contains(&("access-control-allow-methods", "GET".into())));
    }
}
