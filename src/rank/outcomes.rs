//! What became of what was shown: which impressions the person took up.

use std::collections::HashMap;

use crate::profile::{Effects, Event, IMPRESSION};

/// What is done with an item within a day of its being shown counts for the impression.
const TAKEN_UP_WITHIN_MS: i64 = 86_400_000;

/// For each event of a log whether it is an impression that was taken up: the person spoke for the item within a day, and had not been shown
/// it again in between. One choice is an answer to one impression, the last one before it; the others were passed by.
pub(crate) fn outcomes(log: &[Event], effects: &Effects) -> Vec<bool> {
    let mut taken_up = vec![false; log.len()];
    let mut shown: HashMap<&str, usize> = HashMap::new();
    for (at, event) in log.iter().enumerate() {
        if event.kind == IMPRESSION {
            shown.insert(&event.item, at);
        } else if let Some(last) = shown.get(event.item.as_str())
            && event.time - log[*last].time <= TAKEN_UP_WITHIN_MS
            && effects.get(&event.kind).is_some_and(|effect| effect.signed(event.value) > 0.0)
        {
            taken_up[*last] = true;
        }
    }
    taken_up
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_answers_the_last_impression_before_it() {
        let hour = 3_600_000;
        let told = |events: &[(&str, &str, i64)]| {
            let event = |(at, (item, kind, hours)): (usize, &(&str, &str, i64))| Event {
                id: format!("{at:03}"),
                item: (*item).to_owned(),
                kind: (*kind).to_owned(),
                value: None,
                time: 1_700_000_000_000 + hours * hour,
                catalog: String::new(),
            };
            let log: Vec<Event> = events.iter().enumerate().map(event).collect();
            let outcomes = outcomes(&log, &Effects::default());
            (0..log.len()).filter(|at| outcomes[*at]).collect::<Vec<usize>>()
        };
        let (shown, click) = ("impression", "click");
        assert_eq!(told(&[("a", shown, 0), ("b", shown, 0), ("a", shown, 1), ("a", click, 2), ("a", "like", 3)]), [2]);
        assert_eq!(told(&[("a", shown, 0), ("a", click, 1), ("a", shown, 2), ("a", click, 3)]), [0, 2]);
        assert_eq!(told(&[("a", shown, 0), ("a", click, 24), ("b", shown, 24), ("b", click, 49)]), [0]);
        assert_eq!(told(&[("a", click, 0), ("a", shown, 1), ("a", "dislike", 2), ("a", "mute", 3)]), [] as [usize; 0]);
    }
}
