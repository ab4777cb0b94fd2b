//! What the list would be if one thing had not happened.

use super::error::{RankError, RankErrorKind};
use super::hit::Recommendation;
use super::options::RecommendOptions;
use super::recommender::Recommender;

impl Recommender {
    /// The list of [`recommend`](Self::recommend) as it would be without one event. The profile stays as it is.
    ///
    /// # Errors
    ///
    /// No event has this id, and what [`recommend`](Self::recommend) refuses.
    pub fn without(
        &mut self,
        event: &str,
        options: &RecommendOptions,
        now_ms: i64,
    ) -> Result<Recommendation, RankError> {
        self.had_not_been(event, |recommender| recommender.recommend(options, now_ms))
    }

    /// What this profile would answer without one event: to [`shortlist`](Self::shortlist) and [`reranked`](Self::reranked), say. The
    /// profile stays as it is; what `ask` itself changes of the events stays too.
    ///
    /// # Errors
    ///
    /// No event has this id, and what `ask` refuses.
    pub fn had_not_been<T>(
        &mut self,
        event: &str,
        ask: impl FnOnce(&mut Self) -> Result<T, RankError>,
    ) -> Result<T, RankError> {
        let Some(event) = self.log().get(event).cloned() else {
            let message = format!("expected the id of an event of this profile, got `{event}`");
            return Err(RankError::new(RankErrorKind::UnknownEvent, message));
        };
        self.undo(&event.id).expect("the event was just found");
        let answer = ask(self);
        // What is derived depends on the events alone, not on the way to them: this restores it exactly.
        self.merge([event]).expect("the event was in the log");
        answer
    }
}
