//! A bucket in memory that answers as S3 does.

use std::collections::BTreeMap;

#[derive(Default, Clone)]
pub(crate) struct Bucket {
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    /// Most keys of one listing page.
    pub(crate) page: usize,
    /// Answers 200 with everything when asked for a range.
    pub(crate) ignores_ranges: bool,
    /// Ranges of indexes are answered with no more bytes than this.
    pub(crate) index_piece: Option<usize>,
}

impl Bucket {
    pub(crate) fn new() -> Self {
        Self { page: 1000, ..Self::default() }
    }

    pub(crate) fn put(&mut self, key: &str, bytes: Vec<u8>) {
        self.objects.insert(key.to_owned(), bytes);
    }

    pub(crate) fn get(&self, key: &str, range: Option<(u64, u64)>) -> (u16, Vec<u8>) {
        let Some(object) = self.objects.get(key) else {
            return (404, b"<Error><Code>NoSuchKey</Code></Error>".to_vec());
        };
        match range.filter(|_| !self.ignores_ranges) {
            None => (200, object.clone()),
            Some((from, _)) if from >= object.len() as u64 => (416, Vec::new()),
            Some((from, to)) => {
                let most = self.index_piece.filter(|_| key.ends_with(".idx")).unwrap_or(usize::MAX);
                let end = (from as usize).saturating_add(most).min(object.len());
                let to = (to as usize).saturating_add(1).min(end);
                (206, object[from as usize..to].to_vec())
            }
        }
    }

    pub(crate) fn list(&self, query: &[(&'static str, String)]) -> (u16, Vec<u8>) {
        let value = |name: &str| query.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
        assert_eq!(value("list-type"), Some("2"));
        let prefix = value("prefix").unwrap_or_default();
        let after = value("continuation-token").or(value("start-after")).unwrap_or_default();
        let mut xml = String::from("<?xml version=\"1.0\"?><ListBucketResult>");
        let (mut count, mut last, mut folder) = (0, "", String::new());
        let mut more = false;
        for (key, bytes) in &self.objects {
            let passed = key.as_str() <= after || (after.ends_with('/') && key.starts_with(after));
            let Some(rest) = key.strip_prefix(prefix).filter(|_| !passed) else { continue };
            let split =
                value("delimiter").and_then(|d| rest.find(d)).map(|at| prefix.len() + at + 1);
            if split.is_some_and(|end| key[..end] == folder) {
                continue;
            }
            if count == self.page {
                more = true;
                break;
            }
            count += 1;
            if let Some(end) = split {
                folder = key[..end].to_owned();
                last = &key[..end];
                xml += &format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>");
            } else {
                last = key;
                let size = bytes.len();
                xml += &format!("<Contents><Key>{key}</Key><Size>{size}</Size></Contents>");
            }
        }
        xml += &format!("<IsTruncated>{more}</IsTruncated>");
        if more {
            xml += &format!("<NextContinuationToken>{last}</NextContinuationToken>");
        }
        (200, (xml + "</ListBucketResult>").into_bytes())
    }
}
