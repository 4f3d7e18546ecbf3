//! Where a request comes from, as far as browsers tell: what keeps other web pages out of the API.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};

/// Whether the request can only have come to this machine's own name. A page elsewhere can point
/// its own name at 127.0.0.1 (DNS rebinding), but it cannot change the name the browser sends.
pub(super) fn is_for_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = host(headers) else { return false };
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    match name.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

/// Whether a web page of another origin sent the request, by what its browser says.
pub(super) fn is_cross_origin(headers: &HeaderMap) -> bool {
    if let Some(origin) = headers.get(header::ORIGIN) {
        let same = host(headers).is_some_and(|host| {
            [format!("http://{host}"), format!("https://{host}")]
                .iter()
                .any(|own| own.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
        });
        return !same;
    }
    // Browsers send no Origin with some GETs, but say this much.
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// The origin the client reached the server at, as `scheme://host:port`.
pub(super) fn endpoint(headers: &HeaderMap) -> Option<String> {
    let behind_tls = headers
        .get("x-forwarded-proto")
        .is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"));
    let scheme = if behind_tls { "https" } else { "http" };
    let host = host(headers)?.parse::<Authority>().ok()?;
    Some(format!("{scheme}://{host}"))
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_this_machines_own_names_are_loopback() {
        for (host, expected) in [
            ("127.0.0.1:8420", true),
            ("127.8.0.1", true),
            ("localhost:8420", true),
            ("LOCALHOST", true),
            ("[::1]:8420", true),
            ("evil.example:8420", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("192.168.1.2:8420", false),
            ("", false),
            ("a b", false),
        ] {
            assert_eq!(is_for_loopback(&headers(&[("host", host)])), expected, "{host}");
        }
        assert!(!is_for_loopback(&HeaderMap::new()));
    }

    #[test]
    fn pages_of_other_origins_are_told_apart() {
        let host = ("host", "localhost:8420");
        for (more, expected) in [
            (vec![], false),
            (vec![("origin", "http://localhost:8420")], false),
            (vec![("origin", "https://localhost:8420")], false),
            (vec![("origin", "http://localhost:9999")], true),
            (vec![("origin", "http://evil.example")], true),
            (vec![("origin", "null")], true),
            (vec![("sec-fetch-site", "same-origin")], false),
            (vec![("sec-fetch-site", "none")], false),
            (vec![("sec-fetch-site", "same-site")], true),
            (vec![("sec-fetch-site", "cross-site")], true),
        ] {
            let all = [vec![host], more.clone()].concat();
            assert_eq!(is_cross_origin(&headers(&all)), expected, "{more:?}");
        }
        assert!(is_cross_origin(&headers(&[("origin", "http://localhost")])));
    }

    #[test]
    fn the_endpoint_is_what_the_client_reached() {
        let host = ("host", "desk.example:8420");
        assert_eq!(endpoint(&headers(&[host])).unwrap(), "http://desk.example:8420");
        let proxied = headers(&[host, ("x-forwarded-proto", "https")]);
        assert_eq!(endpoint(&proxied).unwrap(), "https://desk.example:8420");
        assert_eq!(endpoint(&headers(&[("host", "a/b")])), None);
    }
}
