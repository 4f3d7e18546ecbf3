//! Answers of S3's ListObjectsV2.

use quick_xml::Reader;
use quick_xml::events::Event;
use thiserror::Error;

/// An object as a listing names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The whole key.
    pub key: String,
    /// Bytes.
    pub size: u64,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Objects, in order of their keys.
    pub entries: Vec<Entry>,
    /// What the keys beyond the delimiter start with, delimiter included.
    pub prefixes: Vec<String>,
    /// Asks for the next page, if there is one.
    pub next: Option<String>,
}

/// Why a listing could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ListingError {
    /// It is not text.
    #[error("it is not UTF-8")]
    Encoding,
    /// It is not XML.
    #[error("its XML is damaged at byte {at}")]
    Xml {
        /// Byte offset.
        at: u64,
    },
    /// It is something else.
    #[error("it is no ListBucketResult")]
    Kind,
    /// A size is no number.
    #[error("the size {size:?} is no number")]
    Size {
        /// The text found.
        size: String,
    },
    /// It says there is more but not how to get it.
    #[error("it is cut short without a token for the rest")]
    Token,
}

/// Reads one page. Elements it does not know are left out.
///
/// # Errors
/// [`ListingError`] when it is not a listing.
pub fn parse(body: &[u8]) -> Result<Listing, ListingError> {
    let text = std::str::from_utf8(body).map_err(|_| ListingError::Encoding)?;
    let mut reader = Reader::from_str(text);
    let mut listing = Listing::default();
    let mut path: Vec<String> = Vec::new();
    let mut value = String::new();
    let (mut key, mut size) = (String::new(), String::new());
    let (mut is_listing, mut truncated) = (false, false);
    loop {
        let damaged = |at| ListingError::Xml { at };
        let event = reader.read_event();
        let at = reader.buffer_position();
        match event.map_err(|_| damaged(at))? {
            Event::Start(start) => {
                let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                is_listing |= path.is_empty() && name == "ListBucketResult";
                path.push(name);
                value.clear();
            }
            Event::Text(text) => value.push_str(&text.decode().map_err(|_| damaged(at))?),
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|_| damaged(at))?;
                match reference.resolve_char_ref() {
                    Ok(Some(character)) => value.push(character),
                    _ => value.push_str(
                        quick_xml::escape::resolve_predefined_entity(&name)
                            .ok_or_else(|| damaged(at))?,
                    ),
                }
            }
            Event::End(_) => {
                let path_now: Vec<&str> = path.iter().skip(1).map(String::as_str).collect();
                match path_now.as_slice() {
                    ["Contents", "Key"] => key = std::mem::take(&mut value),
                    ["Contents", "Size"] => size = std::mem::take(&mut value),
                    ["Contents"] => {
                        let Ok(bytes) = size.trim().parse() else {
                            return Err(ListingError::Size { size });
                        };
                        listing.entries.push(Entry { key: std::mem::take(&mut key), size: bytes });
                        size.clear();
                    }
                    ["CommonPrefixes", "Prefix"] => {
                        listing.prefixes.push(std::mem::take(&mut value));
                    }
                    ["IsTruncated"] => truncated = value.trim() == "true",
                    ["NextContinuationToken"] => listing.next = Some(std::mem::take(&mut value)),
                    _ => {}
                }
                path.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !is_listing || !path.is_empty() {
        return Err(ListingError::Kind);
    }
    match (truncated, &listing.next) {
        (true, None) => Err(ListingError::Token),
        (false, Some(_)) => Ok(Listing { next: None, ..listing }),
        _ => Ok(listing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
        <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n\
        <Name>b</Name><Prefix>segments/</Prefix><KeyCount>2</KeyCount>\
        <IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b=</NextContinuationToken>\
        <Contents><Key>segments/x&#47;1&lt;</Key><Size>12</Size><ETag>&quot;e&quot;</ETag>\
        <Owner><ID>o</ID></Owner></Contents>\n\
        <Contents><Key>k2</Key><Size>0</Size></Contents>\
        <CommonPrefixes><Prefix>segments/d/</Prefix></CommonPrefixes></ListBucketResult>";

    #[test]
    fn keys_sizes_prefixes_and_the_token_are_read() {
        let listing = parse(PAGE.as_bytes()).unwrap();
        let entry = |key: &str, size| Entry { key: key.into(), size };
        assert_eq!(listing.entries, [entry("segments/x/1<", 12), entry("k2", 0)]);
        assert_eq!(listing.prefixes, ["segments/d/"]);
        assert_eq!(listing.next.as_deref(), Some("a&b="));
    }

    #[test]
    fn an_empty_listing_is_empty() {
        let xml = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
        assert_eq!(parse(xml.as_bytes()).unwrap(), Listing::default());
    }

    #[test]
    fn anything_else_is_refused() {
        let bad_size = PAGE.replace("<Size>12", "<Size>x");
        let no_token = PAGE.replace("NextContinuationToken", "Other");
        for (body, error) in [
            (&b"\xff"[..], ListingError::Encoding),
            (b"", ListingError::Kind),
            (b"<html></html>", ListingError::Kind),
            (b"<ListBucketResult><Contents>", ListingError::Kind),
            (bad_size.as_bytes(), ListingError::Size { size: "x".into() }),
            (no_token.as_bytes(), ListingError::Token),
        ] {
            assert_eq!(parse(body), Err(error));
        }
        assert!(matches!(parse(b"<a></b>"), Err(ListingError::Xml { .. })));
    }

    #[test]
    fn no_cut_of_a_page_panics() {
        for end in 0..PAGE.len() {
            assert!(parse(&PAGE.as_bytes()[..end]).is_err(), "{end}");
        }
    }
}
