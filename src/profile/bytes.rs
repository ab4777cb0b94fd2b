//! Plain bytes, for what is kept only to be read again by the program that wrote it.

/// Puts numbers and texts one after the other.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A whole number, seven bits a byte: small ones take one.
    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.raw(text.as_bytes());
    }

    pub(crate) fn float(&mut self, float: f64) {
        self.raw(&float.to_le_bytes());
    }

    /// A float or none.
    pub(crate) fn maybe(&mut self, float: Option<f64>) {
        self.number(u64::from(float.is_some()));
        float.into_iter().for_each(|float| self.float(float));
    }
}

/// Takes them out again in the same order; nothing where they are not.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.left.is_empty()
    }

    pub(crate) fn raw(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.left.split_at_checked(count)?;
        self.left = left;
        Some(taken)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, left) = self.left.split_first()?;
            self.left = left;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// How many follow, each of them of this many bytes at least: what could not fit is no count.
    pub(crate) fn count(&mut self, least: usize) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count.checked_mul(least)? <= self.left.len()).then_some(count)
    }

    /// A number below a bound.
    pub(crate) fn below(&mut self, bound: usize) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|number| *number < bound)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let count = self.count(1)?;
        std::str::from_utf8(self.raw(count)?).ok()
    }

    pub(crate) fn float(&mut self) -> Option<f64> {
        Some(f64::from_le_bytes(self.raw(8)?.try_into().ok()?))
    }

    pub(crate) fn maybe(&mut self) -> Option<Option<f64>> {
        match self.number()? {
            0 => Some(None),
            1 => Some(Some(self.float()?)),
            _ => None,
        }
    }
}

/// A number that any change of the bytes changes: each step takes eight of them, can be undone, and so forgets nothing. For
/// accidents, not for attackers.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, word: u64| ((sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(bytes.len() as u64, |sum, word| step(sum, u64::from_le_bytes(*word)));
    let sum = rest.iter().fold(sum, |sum, byte| step(sum, u64::from(*byte)));
    step(sum, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_put_is_taken(numbers in prop::collection::vec(any::<u64>(), 0..20), text in ".*", float in any::<f64>()) {
            let mut writer = Writer::default();
            numbers.iter().for_each(|number| writer.number(*number));
            writer.text(&text);
            writer.maybe(None);
            writer.maybe(Some(float));
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            for number in &numbers {
                prop_assert_eq!(reader.number(), Some(*number));
            }
            prop_assert_eq!(reader.text(), Some(&*text));
            prop_assert_eq!(reader.maybe(), Some(None));
            prop_assert_eq!(reader.maybe().flatten().map(f64::to_bits), Some(float.to_bits()));
            prop_assert!(reader.is_at_end() && reader.number().is_none());
        }

        #[test]
        fn any_changed_bit_changes_the_sum(bytes in prop::collection::vec(any::<u8>(), 1..60), at in any::<usize>(), bit in 0u8..8) {
            let mut changed = bytes.clone();
            changed[at % bytes.len()] ^= 1 << bit;
            prop_assert_ne!(checksum(&bytes), checksum(&changed));
            prop_assert_ne!(checksum(&bytes), checksum(&bytes[1..]));
        }

        #[test]
        fn other_bytes_are_no_counts(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
            let mut reader = Reader::new(&bytes);
            prop_assert!(reader.count(1).is_none_or(|count| count < bytes.len()));
            prop_assert!(Reader::new(&bytes).text().is_none_or(|text| text.len() < bytes.len()));
        }
    }
}
