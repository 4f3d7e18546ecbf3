//! Presigned S3 GETs: AWS Signature Version 4 in the query, computed where the player runs.
//!
//! Pure: the caller says when the URL is signed. Rounding that time keeps a URL equal to itself for
//! as long, and with it the browser's cache useful.

use std::fmt::{self, Write as _};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Who signs. Debug shows only the public half.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The public half; it stands in every URL.
    pub access_key_id: String,
    /// The secret half; it never leaves this module.
    pub secret_access_key: String,
    /// Goes with temporary credentials, and stands in every URL signed with them.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Where the bucket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `http://host`, `https://host` or either with `:port`; without path or query.
    pub origin: String,
    /// The region that the signature is for.
    pub region: String,
    /// The bucket's name.
    pub bucket: String,
    /// The bucket is named in the path (`host/bucket/key`) and not in the host.
    pub path_style: bool,
}

/// Signs a GET of an object, or of the bucket (a listing) when `key` is empty.
///
/// `query` holds plain, unencoded parameters in any order, such as `("list-type", "2")`; names that
/// start with `X-Amz-` are the signature's own. `now_ms` (UTC milliseconds) is cut to the second.
/// The URL holds from then on for `expires_s` seconds; S3 takes at most 604,800 (a week). Headers
/// other than `Host` are not signed, so the caller is free to send `Range`.
///
/// The key's steps may not be `.` or `..`: browsers rewrite such paths, and the signature breaks.
pub fn presign_get(
    credentials: &Credentials,
    endpoint: &Endpoint,
    key: &str,
    query: &[(&str, &str)],
    now_ms: i64,
    expires_s: u32,
) -> String {
    let (scheme, host) = scheme_and_host(endpoint);
    let mut path = String::from("/");
    if endpoint.path_style {
        path.push_str(&encode(&endpoint.bucket, Slash::Encode));
        path.push('/');
    }
    path.push_str(&encode(key, Slash::Keep));

    let (date, time) = date_and_time(now_ms);
    let stamp = format!("{date}T{time}Z");
    let scope = format!("{date}/{}/s3/aws4_request", endpoint.region);
    let credential = format!("{}/{scope}", credentials.access_key_id);
    let expires = expires_s.to_string();
    let mut parameters = vec![
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", &stamp),
        ("X-Amz-Expires", &expires),
        ("X-Amz-SignedHeaders", "host"),
    ];
    if let Some(token) = &credentials.session_token {
        parameters.push(("X-Amz-Security-Token", token));
    }
    parameters.extend_from_slice(query);
    let query = canonical_query(&parameters);

    let request = format!("GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
    let to_sign = format!("{ALGORITHM}\n{stamp}\n{scope}\n{}", hex(&Sha256::digest(request)));
    let secret = format!("AWS4{}", credentials.secret_access_key);
    let signing_key = [date.as_str(), &endpoint.region, "s3", "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| hmac_sha256(&key, part));
    let signature = hex(&hmac_sha256(&signing_key, &to_sign));
    format!("{scheme}{host}{path}?{query}&X-Amz-Signature={signature}")
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// `https://` and the host exactly as a browser will send it: in lower case, and without the port
/// that goes with the scheme anyway.
fn scheme_and_host(endpoint: &Endpoint) -> (&'static str, String) {
    let origin = endpoint.origin.trim_end_matches('/').to_ascii_lowercase();
    let (scheme, own_port, host) = match origin.strip_prefix("http://") {
        Some(host) => ("http://", ":80", host),
        None => ("https://", ":443", origin.trim_start_matches("https://")),
    };
    let host = host.strip_suffix(own_port).unwrap_or(host);
    if endpoint.path_style {
        return (scheme, host.to_owned());
    }
    (scheme, format!("{}.{host}", endpoint.bucket.to_ascii_lowercase()))
}

/// Encoded and sorted by encoded name, then encoded value, as both the signature and the URL want.
fn canonical_query(parameters: &[(&str, &str)]) -> String {
    let mut encoded: Vec<(String, String)> = parameters
        .iter()
        .map(|(name, value)| (encode(name, Slash::Encode), encode(value, Slash::Encode)))
        .collect();
    encoded.sort();
    let pairs: Vec<String> =
        encoded.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slash {
    Keep,
    Encode,
}

/// S3's URI encoding, once: all bytes but `A-Za-z0-9-._~`, in upper case hex, a space as `%20`.
fn encode(text: &str, slash: Slash) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            b'/' if slash == Slash::Keep => encoded.push('/'),
            byte => {
                write!(encoded, "%{byte:02X}").expect("a String takes all that is written to it");
            }
        }
    }
    encoded
}

fn hmac_sha256(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes all that is written to it");
    }
    text
}

/// UTC as `20130524` and `235959`.
fn date_and_time(now_ms: i64) -> (String, String) {
    let seconds = now_ms.div_euclid(1000);
    let (year, month, day) = civil_date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let time = format!("{:02}{:02}{:02}", second / 3600, second / 60 % 60, second % 60);
    (format!("{year:04}{month:02}{day:02}"), time)
}

/// The Gregorian date of a day counted from 1970-01-01.
///
/// Counts in years that begin in March, so that the leap day comes last, and in eras of 400 years,
/// which all have the same number of days.
fn civil_date(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097;
    // From 0000-03-01, the start of an era.
    let days = days + 719_468;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March on, months come in fives of 153 days.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 400 * era + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2013-05-24T00:00:00Z, the time of AWS's published example.
    const EXAMPLE_MS: i64 = 1_369_353_600_000;

    fn credentials() -> Credentials {
        Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
        }
    }

    fn endpoint(origin: &str, path_style: bool) -> Endpoint {
        Endpoint {
            origin: origin.into(),
            region: "us-east-1".into(),
            bucket: "examplebucket".into(),
            path_style,
        }
    }

    fn local(key: &str, query: &[(&str, &str)]) -> String {
        let endpoint = endpoint("http://localhost:9000", true);
        presign_get(&credentials(), &endpoint, key, query, EXAMPLE_MS, 60)
    }

    #[test]
    fn the_example_aws_published_is_met_to_the_letter() {
        let endpoint = endpoint("https://s3.amazonaws.com", false);
        let url = presign_get(&credentials(), &endpoint, "test.txt", &[], EXAMPLE_MS, 86_400);
        assert_eq!(
            url,
            "https://examplebucket.s3.amazonaws.com/test.txt\
             ?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn keys_are_encoded_once_and_keep_their_slashes() {
        for (key, path) in [
            ("a/b.c-d_e~f", "a/b.c-d_e~f"),
            ("a b", "a%20b"),
            ("a+b", "a%2Bb"),
            ("a%2Fb", "a%252Fb"),
            ("a=b&c?d#e", "a%3Db%26c%3Fd%23e"),
            ("a:b@c!d'e(f)g*h,i;j$", "a%3Ab%40c%21d%27e%28f%29g%2Ah%2Ci%3Bj%24"),
            ("é/日", "%C3%A9/%E6%97%A5"),
        ] {
            let url = local(key, &[]);
            let expected = format!("http://localhost:9000/examplebucket/{path}?X-Amz-Algorithm=");
            assert!(url.starts_with(&expected), "{key}: {url}");
        }
    }

    #[test]
    fn listings_ask_the_bucket_with_an_encoded_and_sorted_query() {
        let url = local(
            "",
            &[("start-after", "a/b c"), ("prefix", "seg/é+/"), ("list-type", "2"), ("fetch", "")],
        );
        let (path, query) = url.split_once('?').expect("has a query");
        assert_eq!(path, "http://localhost:9000/examplebucket/");
        // Upper case sorts before lower.
        let names: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
        assert_eq!(
            names,
            [
                "X-Amz-Algorithm",
                "X-Amz-Credential",
                "X-Amz-Date",
                "X-Amz-Expires",
                "X-Amz-SignedHeaders",
                "fetch",
                "list-type",
                "prefix",
                "start-after",
                "X-Amz-Signature"
            ]
        );
        let list = "&fetch=&list-type=2&prefix=seg%2F%C3%A9%2B%2F&start-after=a%2Fb%20c&";
        assert!(query.contains(list), "{query}");
    }

    #[test]
    fn the_order_of_the_query_given_changes_nothing() {
        let (a, b) = (("list-type", "2"), ("prefix", "x"));
        assert_eq!(local("", &[a, b]), local("", &[b, a]));
    }

    #[test]
    fn the_session_token_is_signed_with_the_rest() {
        let mut temporary = credentials();
        temporary.session_token = Some("to/ken+==".into());
        let endpoint = endpoint("http://localhost:9000", true);
        let url = presign_get(&temporary, &endpoint, "a", &[], EXAMPLE_MS, 60);
        assert!(
            url.contains("&X-Amz-Security-Token=to%2Fken%2B%3D%3D&X-Amz-SignedHeaders="),
            "{url}"
        );
        let signature = |url: &str| url.rsplit('=').next().map(str::to_owned);
        assert_ne!(signature(&url), signature(&local("a", &[])));
    }

    #[test]
    fn the_host_is_what_the_browser_sends() {
        for (origin, path_style, start) in [
            ("http://Host:9000/", true, "http://host:9000/examplebucket/a?"),
            ("http://host:80", true, "http://host/examplebucket/a?"),
            ("https://host:443", true, "https://host/examplebucket/a?"),
            ("https://host:80", true, "https://host:80/examplebucket/a?"),
            ("http://[::1]:9000", true, "http://[::1]:9000/examplebucket/a?"),
            ("https://s3.example:8443", false, "https://examplebucket.s3.example:8443/a?"),
        ] {
            let endpoint = endpoint(origin, path_style);
            let url = presign_get(&credentials(), &endpoint, "a", &[], EXAMPLE_MS, 60);
            assert!(url.starts_with(start), "{origin}: {url}");
        }
    }

    #[test]
    fn within_a_second_the_url_stays_and_after_it_changes() {
        let endpoint = endpoint("http://localhost:9000", true);
        let at = |now_ms| presign_get(&credentials(), &endpoint, "a", &[], now_ms, 60);
        assert_eq!(at(EXAMPLE_MS), at(EXAMPLE_MS + 999));
        assert_ne!(at(EXAMPLE_MS), at(EXAMPLE_MS + 1000));
    }

    #[test]
    fn times_are_written_in_utc_across_leap_days_and_years() {
        for (ms, date, time) in [
            (0, "19700101", "000000"),
            (-1, "19691231", "235959"),
            (951_782_399_999, "20000228", "235959"),
            (951_782_400_000, "20000229", "000000"),
            (1_709_210_096_000, "20240229", "123456"),
            (1_709_251_200_000, "20240301", "000000"),
            (1_767_225_599_000, "20251231", "235959"),
            (4_107_542_400_000, "21000301", "000000"),
        ] {
            assert_eq!(date_and_time(ms), (date.to_owned(), time.to_owned()), "{ms}");
        }
    }

    #[test]
    fn debug_never_prints_secrets() {
        let mut temporary = credentials();
        temporary.session_token = Some("token-secret".into());
        let shown = format!("{temporary:?}");
        assert!(shown.contains("AKIAIOSFODNN7EXAMPLE"));
        assert!(!shown.contains("wJalr") && !shown.contains("token-secret"), "{shown}");
    }
}
