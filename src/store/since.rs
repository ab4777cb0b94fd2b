//! Which records were added after a snapshot was kept: so few that the two together are still quickly read.

use serde::{Deserialize, Serialize};

/// The most records that a snapshot may lack: a bound on what each addition writes again (these ids are 8 kB) and on the time to look the
/// records up one by one (so many took 30 ms in Chromium, all 10,000 of a profile 200). A busy visit has some dozens of events, and a
/// snapshot is kept anew in the next pause.
const MOST: usize = 200;

/// What is written down beside a snapshot, in the same transaction as the records themselves, so that it never says anything else
/// than they do. Whatever is not an addition ends it, and the snapshot with it.
///
/// Revisions are counted by the store: one more for each change by anybody. A writer that knows nothing of this leaves a gap
/// in them, and a gap is seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Since {
    /// The revision that the snapshot is of.
    from: f64,
    /// The revision that the snapshot and these records come to.
    to: f64,
    /// The records that were added between the two.
    ids: Vec<String>,
}

impl Since {
    /// What is written down when a snapshot of this revision is kept.
    pub(crate) fn kept_at(revision: f64) -> Self {
        Self { from: revision, to: revision, ids: Vec::new() }
    }

    /// What is written down when these records are added to those of a revision. None: the snapshot can no longer be gone on from.
    pub(crate) fn and(mut self, revision: f64, added: &[String]) -> Option<Self> {
        if self.to != revision {
            return None;
        }
        for id in added {
            // What was added twice was added once.
            if !self.ids.contains(id) {
                self.ids.push(id.clone());
            }
        }
        self.to += 1.0;
        (self.ids.len() <= MOST).then_some(self)
    }

    /// The records without which a snapshot of the first revision is not one of the second. None where this does not tell, or is nothing
    /// that was ever written here.
    pub(crate) fn between(mut self, snapshot: f64, revision: f64) -> Option<Vec<String>> {
        let fits = self.from == snapshot && self.to == revision && self.ids.len() <= MOST;
        let (count, changed) = (self.ids.len(), self.to != self.from);
        self.ids.sort_unstable();
        self.ids.dedup();
        (fits && self.ids.len() == count && (changed || count == 0)).then_some(self.ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn ids(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|id| format!("{id:03}")).collect()
    }

    #[test]
    fn additions_are_written_down_until_they_are_too_many() {
        let kept = Since::kept_at(7.0);
        assert_eq!(kept.clone().between(7.0, 7.0), Some(vec![]));
        let more = kept.and(7.0, &ids(0..2)).unwrap().and(8.0, &ids(1..3)).unwrap();
        assert_eq!(more.clone().between(7.0, 9.0), Some(ids(0..3)));
        let most = more.and(9.0, &ids(0..MOST)).unwrap();
        assert_eq!(most.clone().between(7.0, 10.0), Some(ids(0..MOST)));
        assert_eq!(most.and(10.0, &ids(MOST..MOST + 1)), None);
    }

    #[test]
    fn a_change_that_was_not_written_down_is_seen() {
        let since = Since::kept_at(7.0).and(7.0, &ids(0..1)).unwrap();
        assert_eq!(since.clone().and(9.0, &ids(1..2)), None, "somebody counted on");
        assert_eq!(since.clone().between(7.0, 9.0), None);
        assert_eq!(since.between(8.0, 8.0), None, "of another snapshot");
    }

    #[test]
    fn what_was_damaged_tells_nothing() {
        let read = |value: Value| serde_json::from_value::<Since>(value).ok()?.between(7.0, 8.0);
        assert_eq!(read(json!({"from": 7, "to": 8, "ids": ["b", "a"]})), Some(vec!["a".into(), "b".into()]));
        for damaged in [
            json!(null),
            json!("since"),
            json!([]),
            json!({}),
            json!({"from": 7, "to": 8}),
            json!({"from": 7, "to": "8", "ids": ["a"]}),
            json!({"from": null, "to": 8, "ids": ["a"]}),
            json!({"from": 7, "to": 8, "ids": "a"}),
            json!({"from": 7, "to": 8, "ids": ["a", 1]}),
            json!({"from": 7, "to": 8, "ids": ["a", "b", "a"]}),
            json!({"from": 7, "to": 8, "ids": ids(0..MOST + 1)}),
            json!({"from": 6, "to": 8, "ids": ["a"]}),
            json!({"from": 7, "to": 9, "ids": ["a"]}),
        ] {
            assert_eq!(read(damaged.clone()), None, "{damaged}");
        }
        let idle: Since = serde_json::from_value(json!({"from": 7, "to": 7, "ids": ["a"]})).unwrap();
        assert_eq!(idle.between(7.0, 7.0), None, "nothing was added without a change");
    }
}
