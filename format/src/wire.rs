//! Primitive reads and writes: LEB128 varints, zigzag, raw bytes. Total on arbitrary input.

use crate::FormatError;

/// Appends `value` as LEB128: 7 bits a byte, least significant first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Maps signed to unsigned so that small magnitudes stay small.
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Inverse of [`zigzag`].
pub(crate) fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// A cursor over bytes that never reads past the end.
pub(crate) struct Reader<'a> {
    what: &'static str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, bytes, at: 0 }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn invalid(&self, reason: &'static str) -> FormatError {
        FormatError::Invalid { what: self.what, at: self.at, reason }
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else {
            return Err(FormatError::Truncated { what: self.what, at: self.bytes.len() });
        };
        let slice = &self.bytes[self.at..end];
        self.at = end;
        Ok(slice)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    /// The eight bytes that objects start with: magic, version, three zeros. Returns the version.
    pub(crate) fn opening(&mut self, magic: [u8; 4], newest: u8) -> Result<u8, FormatError> {
        if self.array::<4>()? != magic {
            return Err(FormatError::Magic { what: self.what });
        }
        let [version, zeros @ ..] = self.array::<4>()?;
        if version > newest {
            return Err(FormatError::Version { what: self.what, found: version, newest });
        }
        if version == 0 || zeros != [0; 3] {
            return Err(self.invalid("its version or the bytes after it are damaged"));
        }
        Ok(version)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, FormatError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, FormatError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, FormatError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(self.invalid("a number does not fit 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                // One number has one form, so that equal manifests have equal bytes.
                if byte == 0 && shift > 0 {
                    return Err(self.invalid("a number is longer than it needs to be"));
                }
                return Ok(value);
            }
        }
        Err(self.invalid("a number does not fit 64 bits"))
    }

    /// A varint that must be at most `limit`; larger is [`FormatError::Limit`].
    pub(crate) fn count(&mut self, what: &'static str, limit: usize) -> Result<usize, FormatError> {
        let value = self.varint()?;
        crate::error::check_limit(what, value, limit as u64)?;
        Ok(value as usize)
    }

    pub(crate) fn narrow_u32(&mut self, reason: &'static str) -> Result<u32, FormatError> {
        u32::try_from(self.varint()?).map_err(|_| self.invalid(reason))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, FormatError> {
        Ok(unzigzag(self.varint()?))
    }

    pub(crate) fn finish(self) -> Result<(), FormatError> {
        if self.remaining() > 0 {
            return Err(self.invalid("there are bytes after the end"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_and_zigzag_come_back(value: u64, signed: i64) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            put_varint(&mut out, zigzag(signed));
            let mut reader = Reader::new("test", &out);
            prop_assert_eq!(reader.varint().unwrap(), value);
            prop_assert_eq!(reader.signed().unwrap(), signed);
            prop_assert!(reader.finish().is_ok());
        }
    }

    #[test]
    fn a_number_has_one_form() {
        assert_eq!(Reader::new("t", &[0]).varint().unwrap(), 0);
        for bytes in [&[0x80, 0][..], &[0xff, 0x80, 0]] {
            assert!(matches!(Reader::new("t", bytes).varint(), Err(FormatError::Invalid { .. })));
        }
        let mut largest = [0xff; 10];
        largest[9] = 1;
        assert_eq!(Reader::new("t", &largest).varint().unwrap(), u64::MAX);
        largest[9] = 2;
        assert!(Reader::new("t", &largest).varint().is_err());
    }

    #[test]
    fn an_opening_tells_foreign_newer_and_damaged_objects_apart() {
        let open = |bytes: &[u8]| Reader::new("t", bytes).opening(*b"DRSG", 1);
        assert!(open(b"DRSG\x01\0\0\0").is_ok());
        assert_eq!(open(b"\x89PNG\x01\0\0\0"), Err(FormatError::Magic { what: "t" }));
        assert!(matches!(open(b"DRSG\x02\0\0\0"), Err(FormatError::Version { found: 2, .. })));
        assert!(matches!(open(b"DRSG\0\0\0\0"), Err(FormatError::Invalid { .. })));
        assert!(matches!(open(b"DRSG\x01\0\x01\0"), Err(FormatError::Invalid { .. })));
        assert!(matches!(open(b"DRSG"), Err(FormatError::Truncated { .. })));
    }

    #[test]
    fn an_endless_varint_is_an_error() {
        let bytes = [0xff; 11];
        assert!(matches!(Reader::new("t", &bytes).varint(), Err(FormatError::Invalid { .. })));
        assert!(matches!(Reader::new("t", &[0x80]).varint(), Err(FormatError::Truncated { .. })));
    }
}
