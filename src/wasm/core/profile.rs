//! A person in the core worker: their events, where these are kept, and what they come to.

use std::collections::BTreeSet;
use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{CoreEngine, from_js, now_ms};
use crate::profile::{Event, NewEvent, from_records};
use crate::store::{EventStore, Fallback, Snapshot, StorageKind};
use crate::wasm::error::to_js;
use crate::wasm::indexed_db::IndexedDb;
use crate::wasm::json;

#[wasm_bindgen]
impl CoreEngine {
    /// Takes the events of a profile; without `persist` an empty one that is kept nowhere. Resolves to whether a snapshot spared deriving it
    /// and is still whole: one that lacks events is to be kept anew.
    #[wasm_bindgen(js_name = openProfile)]
    pub async fn open_profile(&self, profile: String, persist: bool) -> Result<bool, JsValue> {
        let store = if persist { Fallback::new(IndexedDb::new(&profile)) } else { Fallback::in_memory() };
        let store = Rc::new(store);
        let mut put_aside = None;
        let before = self.recommender()?.log().clone();
        if let Some(Snapshot { bytes, since }) = store.snapshot().await.map_err(|error| to_js(&error))? {
            let whole = since.is_empty();
            let (since, unreadable) = from_records(since);
            let restored = self.recommender_mut()?.restore(&bytes, since);
            match restored {
                Ok(()) => {
                    self.note_difference(&before)?;
                    self.store.replace(Some(store));
                    self.unreadable.replace(unreadable);
                    self.put_aside.set(None);
                    return Ok(whole);
                }
                Err(error) => put_aside = Some(error),
            }
        }
        let records = store.load().await.map_err(|error| to_js(&error))?;
        // Only now: a profile that cannot be read must not take the place of one that was.
        self.store.replace(Some(store));
        self.put_aside.set(put_aside);
        self.take(records).map(|()| false)
    }

    /// The types of the events that were added or removed since this was last asked for: none if there were no such events.
    #[wasm_bindgen(js_name = takeChanged)]
    pub fn take_changed(&self) -> Vec<String> {
        self.changed.take().into_iter().collect()
    }

    /// Keeps what was derived from the events beside them, for the next time. Resolves to false where that would save nothing, or
    /// where the events are not those that are kept.
    #[wasm_bindgen(js_name = keepSnapshot)]
    pub async fn keep_snapshot(&self) -> Result<bool, JsValue> {
        let store = self.store()?;
        // A snapshot has no records that cannot be read: they would no longer be told of.
        if store.kind() == StorageKind::Memory || !self.unreadable.borrow().is_empty() {
            return Ok(false);
        }
        let Some(snapshot) = self.recommender()?.snapshot() else { return Ok(false) };
        store.keep_snapshot(&snapshot).await.map_err(|error| to_js(&error))
    }

    /// Takes the events anew, because another tab changed them.
    pub async fn reload(&self) -> Result<(), JsValue> {
        let store = self.store()?;
        let records = store.load().await.map_err(|error| to_js(&error))?;
        // What is in memory is all here already.
        if store.kind() != StorageKind::Memory && self.is_open(&store) { self.take(records) } else { Ok(()) }
    }

    /// Records an event; when the promise resolves it is kept.
    #[wasm_bindgen(unchecked_return_type = "ProfileEvent")]
    pub async fn record(
        &self,
        #[wasm_bindgen(unchecked_param_type = "NewEvent")] event: JsValue,
    ) -> Result<JsValue, JsValue> {
        let event: NewEvent = from_js("an event", &event)?;
        let store = self.store()?;
        let event = self.recommender_mut()?.prepare(event, now_ms()).map_err(|error| to_js(&error))?;
        self.keep(&store, std::slice::from_ref(&event)).await?;
        json::to_js(&event)
    }

    /// Records several events with one write; when the promise resolves they are kept, and if one is refused none is.
    #[wasm_bindgen(js_name = recordAll, unchecked_return_type = "ProfileEvent[]")]
    pub async fn record_all(
        &self,
        #[wasm_bindgen(unchecked_param_type = "readonly NewEvent[]")] events: JsValue,
    ) -> Result<JsValue, JsValue> {
        let events: Vec<NewEvent> = from_js("a list of events", &events)?;
        let store = self.store()?;
        let events = {
            let mut recommender = self.recommender_mut()?;
            let prepared = events.into_iter().map(|event| recommender.prepare(event, now_ms()));
            prepared.collect::<Result<Vec<Event>, _>>().map_err(|error| to_js(&error))?
        };
        self.keep(&store, &events).await?;
        json::to_js(&events)
    }

    /// Removes an event for good.
    pub async fn undo(&self, id: String) -> Result<(), JsValue> {
        let store = self.store()?;
        let known = self.recommender()?.log().get(&id).is_some();
        if known {
            store.remove(std::slice::from_ref(&id)).await.map_err(|error| to_js(&error))?;
        }
        if self.is_open(&store) {
            let undone = self.recommender_mut()?.undo(&id).map_err(|error| to_js(&error))?;
            self.changed.borrow_mut().insert(undone.kind);
        }
        Ok(())
    }

    /// Removes several events for good.
    #[wasm_bindgen(js_name = undoAll)]
    pub async fn undo_all(&self, ids: Vec<String>) -> Result<(), JsValue> {
        if ids.is_empty() {
            return Ok(());
        }
        let store = self.store()?;
        let mut types = BTreeSet::new();
        // Before anything is removed: one that is not there must leave all others.
        for id in &ids {
            let kind = self.recommender()?.log().get(id).map(|event| event.kind.clone());
            let Some(kind) = kind else {
                return self.recommender_mut()?.undo_all(&ids).map_err(|error| to_js(&error));
            };
            types.insert(kind);
        }
        store.remove(&ids).await.map_err(|error| to_js(&error))?;
        if self.is_open(&store) {
            self.recommender_mut()?.undo_all(&ids).map_err(|error| to_js(&error))?;
            self.changed.borrow_mut().extend(types);
        }
        Ok(())
    }

    /// The ids of the events that mute these items.
    #[wasm_bindgen(js_name = mutesOf)]
    pub fn mutes_of(&self, items: Vec<String>) -> Result<Vec<String>, JsValue> {
        Ok(self.recommender()?.mutes_of(&items))
    }

    /// Records likes of a history from elsewhere.
    #[wasm_bindgen(js_name = fromItems, unchecked_return_type = "ImportReport")]
    pub async fn like_items(&self, ids: Vec<String>) -> Result<JsValue, JsValue> {
        let store = self.store()?;
        let plan = self.recommender_mut()?.plan_items(&ids, now_ms()).map_err(|error| to_js(&error))?;
        self.keep(&store, &plan.events).await?;
        json::to_js(&plan.report)
    }

    /// Records what stands for a description, given as its vector.
    #[wasm_bindgen(unchecked_return_type = "ProfileEvent[]")]
    pub async fn describe(&self, query: Vec<f32>) -> Result<JsValue, JsValue> {
        let store = self.store()?;
        let events = self.recommender_mut()?.plan_description(&query, now_ms()).map_err(|error| to_js(&error))?;
        self.keep(&store, &events).await?;
        json::to_js(&events)
    }

    /// Records what stands for a segment of the catalog.
    #[wasm_bindgen(js_name = chooseSegment, unchecked_return_type = "ProfileEvent[]")]
    pub async fn choose_segment(&self, name: String) -> Result<JsValue, JsValue> {
        let store = self.store()?;
        let events = self.recommender_mut()?.plan_segment(&name, now_ms()).map_err(|error| to_js(&error))?;
        self.keep(&store, &events).await?;
        json::to_js(&events)
    }

    /// The segments of the catalog.
    #[wasm_bindgen(unchecked_return_type = "Segment[]")]
    pub fn segments(&self) -> Result<JsValue, JsValue> {
        json::to_js(&self.recommender()?.segments())
    }

    /// The profile as a document.
    #[wasm_bindgen(js_name = exportProfile)]
    pub fn export_profile(&self) -> Result<String, JsValue> {
        self.recommender()?.export(now_ms()).map_err(|error| to_js(&error))
    }

    /// Adds the events of a document that are not here yet.
    #[wasm_bindgen(js_name = importProfile, unchecked_return_type = "ImportReport")]
    pub async fn import_profile(&self, document: Vec<u8>) -> Result<JsValue, JsValue> {
        let store = self.store()?;
        let plan = self.recommender()?.plan_import(&document).map_err(|error| to_js(&error))?;
        self.keep(&store, &plan.events).await?;
        json::to_js(&plan.report)
    }

    /// Removes all events, and the database that kept them.
    #[wasm_bindgen(js_name = eraseProfile)]
    pub async fn erase_profile(&self) -> Result<(), JsValue> {
        let store = self.store()?;
        let before = self.recommender()?.log().clone();
        self.recommender_mut()?.erase();
        self.note_difference(&before)?;
        self.unreadable.take();
        store.erase().await.map_err(|error| to_js(&error))
    }

    /// All events, the oldest first.
    #[wasm_bindgen(unchecked_return_type = "ProfileEvent[]")]
    pub fn events(&self) -> Result<JsValue, JsValue> {
        json::to_js(&self.recommender()?.log().events())
    }

    /// What the person likes.
    #[wasm_bindgen(unchecked_return_type = "Interest[]")]
    pub fn interests(&self) -> Result<JsValue, JsValue> {
        let mut recommender = self.recommender_mut()?;
        recommender.set_present(now_ms());
        json::to_js(&recommender.interests())
    }

    /// Figures about the profile.
    #[wasm_bindgen(unchecked_return_type = "Metrics")]
    pub fn metrics(&self) -> Result<JsValue, JsValue> {
        json::to_js(&self.recommender()?.metrics())
    }
}
