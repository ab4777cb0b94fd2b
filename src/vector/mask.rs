//! Which rows count: one bit a row, so that a filter is decided once and a scan passes over whole blocks.

/// One bit per row. Rows whose bit is off are neither scored nor returned.
///
/// ```
/// use homebody::Mask;
/// let mut mask = Mask::none(100);
/// mask.set(7, true);
/// mask.set(70, true);
/// assert_eq!((mask.count(), mask.get(7), mask.get(8)), (2, true, false));
/// assert_eq!(mask.blocks().map(|(first, bits)| (first, bits.count_ones())).collect::<Vec<_>>(), [(0, 1), (64, 1)]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Bit `i % 64` of word `i / 64` is row `i`; bits beyond `len` are always off.
    words: Vec<u64>,
    len: usize,
}

impl Mask {
    /// A mask of `len` rows, all of them on.
    pub fn all(len: usize) -> Self {
        let mut mask = Self { words: vec![u64::MAX; len.div_ceil(64)], len };
        mask.trim();
        mask
    }

    /// A mask of `len` rows, none of them on.
    pub fn none(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// A mask of `len` rows from bytes, row 0 in the lowest bit of the first one (Arrow's order). Missing bytes are off,
    /// bits beyond `len` are dropped.
    pub fn from_bytes(len: usize, bytes: &[u8]) -> Self {
        let mut mask = Self::none(len);
        for (word, chunk) in mask.words.iter_mut().zip(bytes.chunks(8)) {
            let mut whole = [0; 8];
            whole[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_le_bytes(whole);
        }
        mask.trim();
        mask
    }

    fn trim(&mut self) {
        if let (Some(last), tail @ 1..) = (self.words.last_mut(), self.len % 64) {
            *last &= (1 << tail) - 1;
        }
    }

    /// Turns row `row` on or off.
    ///
    /// # Panics
    /// If `row` is not below [`len`](Self::len).
    pub fn set(&mut self, row: usize, on: bool) {
        assert!(row < self.len, "row {row} of a mask of {} rows", self.len);
        let bit = 1 << (row % 64);
        if on {
            self.words[row / 64] |= bit;
        } else {
            self.words[row / 64] &= !bit;
        }
    }

    /// Whether row `row` is on; rows beyond the end are off.
    pub fn get(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// How many rows are on.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The bits, 64 rows a word.
    #[cfg(feature = "gpu")]
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// How many rows the mask speaks of.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the mask speaks of no rows at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Keeps only rows that are on in both.
    ///
    /// # Panics
    /// If the masks have different lengths.
    pub fn and(&mut self, other: &Mask) {
        assert_eq!(self.len, other.len, "masks of different sets");
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine &= theirs;
        }
    }

    /// Blocks of 64 rows with at least one row on: the first row and the bits, lowest bit first.
    pub fn blocks(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.words.iter().enumerate().filter(|(_, word)| **word != 0).map(|(at, word)| (at * 64, *word))
    }

    /// The rows that are on, ascending.
    pub fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.blocks().flat_map(|(first, bits)| set_bits(bits).map(move |bit| first + bit))
    }

    /// The bits of `rows` (at most 64) rows from `first` on, which need not be a multiple of 64.
    pub(crate) fn bits(&self, first: usize, rows: usize) -> u64 {
        let (word, shift) = (first / 64, first % 64);
        let low = self.words.get(word).map_or(0, |bits| bits >> shift);
        let high = match shift {
            0 => 0,
            _ => self.words.get(word + 1).map_or(0, |bits| bits << (64 - shift)),
        };
        (low | high) & low_bits(rows)
    }
}

/// A word with its lowest `count` (at most 64) bits on.
pub(crate) fn low_bits(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

/// The positions of the bits that are on, ascending.
pub(crate) fn set_bits(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        if bits == 0 {
            return None;
        }
        let at = bits.trailing_zeros() as usize;
        bits &= bits - 1;
        Some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_masks_have_no_bits_beyond_their_end() {
        for len in [0, 1, 63, 64, 65, 128, 200] {
            assert_eq!(Mask::all(len).count(), len, "{len} rows");
            assert_eq!(Mask::none(len).count(), 0, "{len} rows");
            assert!(!Mask::all(len).get(len));
            assert_eq!(Mask::from_bytes(len, &[0xff; 40]), Mask::all(len));
        }
    }

    #[test]
    fn bits_may_start_anywhere() {
        let mut mask = Mask::none(200);
        for row in (0..200).step_by(3) {
            mask.set(row, true);
        }
        for first in 0..200 {
            for rows in [0, 1, 5, 63, 64] {
                let bits = mask.bits(first, rows);
                for at in 0..64 {
                    assert_eq!(bits >> at & 1 == 1, at < rows && mask.get(first + at), "{first}+{at} of {rows}");
                }
            }
        }
        assert_eq!(mask.rows().collect::<Vec<_>>(), (0..200).step_by(3).collect::<Vec<_>>());
    }

    #[test]
    fn and_keeps_what_both_have() {
        let (mut even, mut third) = (Mask::none(100), Mask::none(100));
        (0..100).step_by(2).for_each(|row| even.set(row, true));
        (0..100).step_by(3).for_each(|row| third.set(row, true));
        even.and(&third);
        assert_eq!(even.rows().collect::<Vec<_>>(), (0..100).step_by(6).collect::<Vec<_>>());
        even.set(0, false);
        assert!(!even.get(0));
    }
}
