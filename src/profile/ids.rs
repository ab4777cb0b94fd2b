//! Ids for events: unique across tabs and devices, and in the order in which they were made.

use uuid::{Builder, ContextV7, Timestamp, Uuid};

/// Where event ids come from. Handed in, so that tests and command lines can have the same ids twice.
pub trait IdSource {
    /// A new id for an event recorded at `now_ms`. Later calls give ids that sort after earlier ones, as long as the
    /// clock does not go back.
    fn next_id(&mut self, now_ms: i64) -> String;
}

/// Version 7 UUIDs with the platform's randomness: what a browser and a person's own machine use.
///
/// Ids made within one millisecond still sort in the order of making (a counter stands in the bits below the time), so
/// that two clicks in one millisecond keep their order.
#[derive(Default)]
pub struct RandomIds {
    context: ContextV7,
}

impl RandomIds {
    /// A source with a counter of its own.
    pub fn new() -> Self {
        Self::default()
    }
}

impl IdSource for RandomIds {
    fn next_id(&mut self, now_ms: i64) -> String {
        let now_ms = now_ms.max(0) as u64;
        let timestamp = Timestamp::from_unix(&self.context, now_ms / 1000, (now_ms % 1000) as u32 * 1_000_000);
        Uuid::new_v7(timestamp).to_string()
    }
}

/// Version 7 UUIDs whose random part is a counter: the same calls give the same ids. For events read from a file, whose
/// order is that of their lines, and for tests.
#[derive(Debug, Default, Clone)]
pub struct CountedIds {
    count: u64,
}

impl CountedIds {
    /// A source that starts at zero.
    pub fn new() -> Self {
        Self::default()
    }
}

impl IdSource for CountedIds {
    fn next_id(&mut self, now_ms: i64) -> String {
        let mut counter = [0u8; 10];
        // Version and variant overwrite the two highest bits of bytes 0 and 2, which a 64-bit count never reaches.
        counter[2..].copy_from_slice(&(self.count & (u64::MAX >> 2)).to_be_bytes());
        self.count += 1;
        Builder::from_unix_timestamp_millis(now_ms.max(0) as u64, &counter).into_uuid().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ascending(ids: &mut dyn IdSource) {
        let made: Vec<String> = (0..5000).map(|i| ids.next_id(1_700_000_000_000 + i / 1000)).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(made.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'7'));
    }

    #[test]
    fn ids_ascend_within_one_millisecond() {
        ascending(&mut RandomIds::new());
        ascending(&mut CountedIds::new());
    }

    #[test]
    fn counted_ids_repeat_and_random_ones_do_not() {
        assert_eq!(CountedIds::new().next_id(5), CountedIds::new().next_id(5));
        assert_ne!(RandomIds::new().next_id(5), RandomIds::new().next_id(5));
    }
}
