//! `CoreEngine`: a catalog and a person in the core worker. What is done with the person is in [`profile`].

mod profile;

use std::cell::{Cell, Ref, RefCell, RefMut};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use js_sys::{Date, Function};
use serde_json::{Value, json};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::error::{invalid_argument, to_js};
use super::indexed_db::IndexedDb;
use super::json;
use super::panic::report_to;
use crate::catalog::CatalogReader;
use crate::profile::{Event, EventLog, from_records, to_records};
use crate::rank::{OnboardingOptions, RecommendOptions, Recommender, SearchOptions, Settings, SnapshotError};
use crate::store::{EventStore, Fallback, Record};
use crate::vector::{Ahead, Device, DeviceChoice, DeviceSet, GpuOptions, Measured};

/// The shapes of the package's own types, and those that only its workers see.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
import type {
  ColumnInfo, DeviceChoice, Hit, ImportReport, Interest, LearnedWeights, Metrics, NewEvent, OnboardingOptions, ProfileEvent,
  RecommendOptions, SearchOptions, Segment, Status, TasteMap,
} from "../types.js";

/** A list as it leaves the engine; the page makes a `HitList` of it. */
export interface RankedList { readonly hits: Hit[]; readonly eligible: number; readonly cursor?: string; readonly note?: string }

/** A file of a catalog, as its manifest names it. */
export interface CatalogFile { readonly path: string; readonly bytes: number; readonly sha256: string }
/** What a catalog is. */
export interface CatalogInfo {
  readonly name: string;
  readonly version: string;
  readonly items: number;
  readonly model?: { readonly name: string; readonly sha256: string; readonly dims: number };
  readonly weights: Readonly<Record<string, number>>;
  readonly scenarios: readonly string[];
}
"#;

type Store = Rc<Fallback<IndexedDb>>;

/// A catalog that is being read, or one that is ready to rank for a person.
#[wasm_bindgen]
pub struct CoreEngine {
    reader: RefCell<Option<CatalogReader>>,
    recommender: RefCell<Option<Recommender>>,
    store: RefCell<Option<Store>>,
    /// Records of the store that are no events, by id.
    unreadable: RefCell<Vec<String>>,
    /// Why the snapshot beside them was of no use.
    put_aside: Cell<Option<SnapshotError>>,
    /// Types of the events that came or went and were not asked for yet.
    changed: RefCell<BTreeSet<String>>,
    /// What the recommender multiplies with: products of vector spaces that a GPU makes are put there before they are asked for.
    ahead: Ahead,
    /// The vector spaces for which there is a GPU, used or not.
    spaces: RefCell<Vec<Rc<Space>>>,
    /// Ranking calls under way.
    ranking: Cell<usize>,
}

/// A vector space that may be on a GPU.
struct Space {
    name: String,
    /// What a measurement is remembered by.
    key: String,
    set: DeviceSet,
}

#[wasm_bindgen]
impl CoreEngine {
    /// An engine without a catalog; `on_panic` is called with the message if Rust code panics.
    #[wasm_bindgen(constructor)]
    pub fn new(on_panic: Function) -> Self {
        report_to(on_panic);
        Self {
            reader: RefCell::default(),
            recommender: RefCell::default(),
            store: RefCell::default(),
            unreadable: RefCell::default(),
            put_aside: Cell::new(None),
            changed: RefCell::default(),
            ahead: Ahead::new(),
            spaces: RefCell::default(),
            ranking: Cell::new(0),
        }
    }

    /// Takes the content of `catalog.json` and returns the files it names.
    #[wasm_bindgen(unchecked_return_type = "CatalogFile[]")]
    pub fn begin(&self, manifest: &[u8]) -> Result<JsValue, JsValue> {
        self.recommender.take();
        let reader = CatalogReader::new(manifest).map_err(|error| to_js(&error))?;
        let files: Vec<Value> = reader
            .files()
            .iter()
            .map(|file| json!({"path": file.path, "bytes": file.bytes, "sha256": file.sha256}))
            .collect();
        self.reader.replace(Some(reader));
        json::to_js(&files)
    }

    /// Takes the content of one of those files.
    pub fn add(&self, path: &str, bytes: Vec<u8>) -> Result<(), JsValue> {
        let mut reader = self.reader.borrow_mut();
        let reader = reader.as_mut().ok_or_else(|| invalid_argument("Expected begin() before add()."))?;
        reader.add(path, bytes).map_err(|error| to_js(&error))
    }

    /// Makes the catalog of the files and returns what it is.
    #[wasm_bindgen(unchecked_return_type = "CatalogInfo")]
    pub fn finish(&self) -> Result<JsValue, JsValue> {
        let reader = self.reader.take().ok_or_else(|| invalid_argument("Expected begin() before finish()."))?;
        let settings = Settings { scorer: Box::new(self.ahead.clone()), ..Settings::default() };
        let catalog = reader.finish().map_err(|error| to_js(&error))?;
        let recommender = Recommender::new(catalog, settings).map_err(|error| to_js(&error))?;
        let catalog = recommender.catalog();
        let mut info = json!({
            "name": catalog.name(),
            "version": catalog.version(),
            "items": catalog.len(),
            "weights": recommender.weights(),
            "scenarios": recommender.scenarios().collect::<Vec<_>>(),
        });
        if let Some(model) = &catalog.manifest().model {
            info["model"] = json!({"name": model.name, "sha256": model.sha256, "dims": model.dims});
        }
        self.recommender.replace(Some(recommender));
        json::to_js(&info)
    }

    /// Asks for a GPU for each vector space for which the choice needs one. Resolves to what a measurement of each is remembered
    /// by; to nothing where there is nothing to choose.
    #[wasm_bindgen(js_name = findGpu)]
    pub async fn find_gpu(
        &self,
        #[wasm_bindgen(unchecked_param_type = "DeviceChoice")] device: String,
    ) -> Result<Vec<String>, JsValue> {
        let choice = DeviceChoice::from_name(&device).map_err(|error| to_js(&error))?;
        let (version, sets) = {
            let recommender = self.recommender()?;
            let sets = recommender.vector_sets();
            let sets: Vec<_> = sets.into_iter().map(|(name, set)| (name.to_owned(), DeviceSet::new(set))).collect();
            (recommender.catalog().version().to_owned(), sets)
        };
        let mut spaces = Vec::new();
        for (name, set) in sets {
            let found = set.find_gpu(choice, GpuOptions::default()).await.map_err(|error| to_js(&error))?;
            let key = set.measured_as(&format!("{version}|{name}"));
            if found.is_some() || !set.status().notes.is_empty() {
                spaces.push(Rc::new(Space { name, key, set }));
            }
        }
        let keys = spaces.iter().map(|space| space.key.clone()).collect();
        self.spaces.replace(spaces).iter().for_each(|space| space.set.release_gpu());
        Ok(keys)
    }

    /// Decides what makes the products of the vector space of that key, by what was measured before or by measuring. Resolves to
    /// what is to be remembered.
    #[wasm_bindgen(unchecked_return_type = "Measured | undefined")]
    pub async fn choose(
        &self,
        #[wasm_bindgen(unchecked_param_type = "DeviceChoice")] device: String,
        key: String,
        #[wasm_bindgen(js_name = cpuMs)] cpu_ms: Option<f64>,
        #[wasm_bindgen(js_name = gpuMs)] gpu_ms: Option<f64>,
    ) -> Result<JsValue, JsValue> {
        let choice = DeviceChoice::from_name(&device).map_err(|error| to_js(&error))?;
        let found = self.spaces.borrow().iter().find(|space| space.key == key).cloned();
        let space = found.ok_or_else(|| invalid_argument("Expected a key that findGpu() resolved to."))?;
        let remembered = cpu_ms.zip(gpu_ms).map(|(cpu_ms, gpu_ms)| Measured { cpu_ms, gpu_ms });
        let chosen = space.set.choose(choice, remembered, &super::device::monotonic_ms).await;
        self.expect();
        chosen.map_err(|error| to_js(&error))?;
        super::device::measured(&space.set.status()).map_or(Ok(JsValue::UNDEFINED), |measured| json::to_js(&measured))
    }

    /// The features of the best items for the person.
    #[wasm_bindgen(unchecked_return_type = "{ names: string[]; ids: string[]; values: number[] }")]
    pub async fn features(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Omit<RecommendOptions, \"signal\">")] options: JsValue,
    ) -> Result<JsValue, JsValue> {
        let options = RecommendOptions::from_json(from_js("options", &options)?).map_err(|error| to_js(&error))?;
        let features = self.ranked(|recommender| recommender.features(&options, now_ms())).await?;
        json::to_js(&features)
    }

    /// The best items for the person.
    #[wasm_bindgen(unchecked_return_type = "RankedList")]
    pub async fn recommend(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Omit<RecommendOptions, \"signal\">")] options: JsValue,
    ) -> Result<JsValue, JsValue> {
        let options = RecommendOptions::from_json(from_js("options", &options)?).map_err(|error| to_js(&error))?;
        let list = self.ranked(|recommender| recommender.recommend(&options, now_ms())).await?;
        json::to_js(&list)
    }

    /// The features of the best items, for a ranker; had one event not been, if one is given.
    #[wasm_bindgen(unchecked_return_type = "{ names: string[]; ids: string[]; values: number[] }")]
    pub async fn shortlist(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Omit<RecommendOptions, \"signal\" | \"rerank\">")] options: JsValue,
        without: Option<String>,
    ) -> Result<JsValue, JsValue> {
        let options = RecommendOptions::from_json(from_js("options", &options)?).map_err(|error| to_js(&error))?;
        let shortlist = self
            .ranked(|recommender| match &without {
                Some(event) => recommender.had_not_been(event, |recommender| recommender.shortlist(&options, now_ms())),
                None => recommender.shortlist(&options, now_ms()),
            })
            .await?;
        json::to_js(&shortlist)
    }

    /// The best items for the person, those with a score in its order; had one event not been, if one is given.
    #[wasm_bindgen(unchecked_return_type = "RankedList")]
    pub async fn reranked(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Omit<RecommendOptions, \"signal\" | \"rerank\">")] options: JsValue,
        ids: Vec<String>,
        scores: Vec<f64>,
        without: Option<String>,
    ) -> Result<JsValue, JsValue> {
        let options = RecommendOptions::from_json(from_js("options", &options)?).map_err(|error| to_js(&error))?;
        let list = |recommender: &mut Recommender| recommender.reranked(&options, &ids, &scores, now_ms());
        let list = self
            .ranked(|recommender| match &without {
                Some(event) => recommender.had_not_been(event, list),
                None => list(recommender),
            })
            .await?;
        json::to_js(&list)
    }

    /// What the person's own choices have taught; null if the catalog has no model to learn with.
    #[wasm_bindgen(unchecked_return_type = "LearnedWeights | null")]
    pub fn learned(&self) -> Result<JsValue, JsValue> {
        json::to_js(&self.recommender_mut()?.learned(now_ms()))
    }

    /// The best items for the person, had one event not been.
    #[wasm_bindgen(unchecked_return_type = "RankedList")]
    pub async fn without(
        &self,
        event: String,
        #[wasm_bindgen(unchecked_param_type = "Omit<RecommendOptions, \"signal\">")] options: JsValue,
    ) -> Result<JsValue, JsValue> {
        let options = RecommendOptions::from_json(from_js("options", &options)?).map_err(|error| to_js(&error))?;
        let list = self.ranked(|recommender| recommender.without(&event, &options, now_ms())).await?;
        json::to_js(&list)
    }

    /// The best items for a text, given as its vector.
    #[wasm_bindgen(unchecked_return_type = "RankedList")]
    pub async fn search(
        &self,
        query: Vec<f32>,
        #[wasm_bindgen(unchecked_param_type = "Omit<SearchOptions, \"signal\">")] options: JsValue,
    ) -> Result<JsValue, JsValue> {
        let options = SearchOptions::from_json(from_js("options", &options)?).map_err(|error| to_js(&error))?;
        let list = self.ranked(|recommender| recommender.search(&query, &options, now_ms())).await?;
        json::to_js(&list)
    }

    /// The items most like one item.
    #[wasm_bindgen(unchecked_return_type = "RankedList")]
    pub async fn similar(
        &self,
        item: String,
        #[wasm_bindgen(unchecked_param_type = "Omit<RecommendOptions, \"signal\">")] options: JsValue,
    ) -> Result<JsValue, JsValue> {
        let options = RecommendOptions::from_json(from_js("options", &options)?).map_err(|error| to_js(&error))?;
        let list = self.ranked(|recommender| recommender.similar(&item, &options, now_ms())).await?;
        json::to_js(&list)
    }

    /// Items to ask a new person about.
    #[wasm_bindgen(unchecked_return_type = "RankedList")]
    pub async fn onboarding(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Omit<OnboardingOptions, \"signal\">")] options: JsValue,
    ) -> Result<JsValue, JsValue> {
        let options = OnboardingOptions::from_json(from_js("options", &options)?).map_err(|error| to_js(&error))?;
        let list = self.ranked(|recommender| recommender.onboarding(&options, now_ms())).await?;
        json::to_js(&list)
    }

    /// Items by id; null where there is none.
    #[wasm_bindgen(unchecked_return_type = "(Hit | null)[]")]
    pub fn get(
        &self,
        #[wasm_bindgen(unchecked_param_type = "readonly string[]")] ids: JsValue,
    ) -> Result<JsValue, JsValue> {
        let ids: Vec<String> = from_js("a list of ids", &ids)?;
        json::to_js(&self.recommender()?.get(&ids))
    }

    /// The catalog's columns.
    #[wasm_bindgen(unchecked_return_type = "ColumnInfo[]")]
    pub fn columns(&self) -> Result<JsValue, JsValue> {
        json::to_js(&self.recommender()?.columns())
    }

    /// The catalog as a map; null where it has none.
    #[wasm_bindgen(unchecked_return_type = "TasteMap | null")]
    pub fn map(&self) -> Result<JsValue, JsValue> {
        json::to_js(&self.recommender()?.map())
    }

    /// What it runs on.
    #[wasm_bindgen(unchecked_return_type = "Pick<Status, \"device\" | \"simd\" | \"storage\" | \"gpu\" | \"notes\">")]
    pub fn state(&self) -> Result<JsValue, JsValue> {
        let store = self.store()?;
        let mut notes = store.notes();
        let unreadable = self.unreadable.borrow();
        if let Some(first) = unreadable.first() {
            notes.push(format!(
                "{} of the profile's records cannot be read and are left out, {first} first.",
                unreadable.len()
            ));
        }
        if let Some(error) = self.put_aside.get() {
            notes.push(format!("The profile was derived from its events: {error}."));
        }
        let mut device = Device::Cpu;
        let mut gpu = serde_json::Map::new();
        for space in &*self.spaces.borrow() {
            let status = space.set.status();
            if status.device == Device::Gpu {
                device = Device::Gpu;
            }
            notes.extend(status.notes.iter().map(|note| format!("Space `{}`: {note}", space.name)));
            gpu.extend(super::device::gpu(&status).map(|gpu| (space.name.clone(), gpu)));
        }
        let mut state = json!({
            "device": device.name(),
            "simd": super::device::SIMD,
            "storage": store.kind(),
            "notes": notes,
        });
        if !gpu.is_empty() {
            state["gpu"] = gpu.into();
        }
        json::to_js(&state)
    }
}

/// A call whose products were made this often and are wanted again: the profile changes faster than the GPU answers.
const MOST_ROUNDS: usize = 4;

impl CoreEngine {
    /// Answers a ranking call. Where a GPU makes products, the call ends early and says which it needs; they are made while nothing
    /// is borrowed, and the call is made again.
    async fn ranked<T, E: super::error::Coded>(
        &self,
        mut call: impl FnMut(&mut Recommender) -> Result<T, E>,
    ) -> Result<T, JsValue> {
        self.ranking.set(self.ranking.get() + 1);
        let answer = async {
            for _ in 0..MOST_ROUNDS {
                let answer = call(&mut *self.recommender_mut()?);
                let wanted = self.ahead.take_wanted();
                if wanted.is_empty() {
                    return answer.map_err(|error| to_js(&error));
                }
                for wanted in wanted {
                    // No borrow is held while the GPU works.
                    let space = {
                        let spaces = self.spaces.borrow();
                        spaces.iter().find(|space| Arc::ptr_eq(space.set.set(), &wanted.set)).cloned()
                    };
                    let Some(space) = space else { continue };
                    let queries: Vec<&[f32]> = wanted.queries.iter().map(|query| &query[..]).collect();
                    let products = space.set.products(&queries).await.map_err(|error| to_js(&error))?;
                    self.ahead.put(&wanted, &products);
                }
                self.expect();
            }
            self.ahead.on_cpu(|| call(&mut *self.recommender_mut()?).map_err(|error| to_js(&error)))
        }
        .await;
        self.ranking.set(self.ranking.get() - 1);
        if self.ranking.get() == 0 {
            self.ahead.clear();
        }
        answer
    }

    /// From now on the products of those spaces are made ahead that are on a GPU.
    fn expect(&self) {
        let spaces = self.spaces.borrow();
        let on_gpu = spaces.iter().filter(|space| space.set.status().device == Device::Gpu);
        self.ahead.expect(on_gpu.map(|space| Arc::clone(space.set.set())).collect());
    }

    /// Makes events durable, and then part of the profile. No borrow is held while the store works.
    async fn keep(&self, store: &Store, events: &[Event]) -> Result<(), JsValue> {
        if events.is_empty() {
            // Not even a write of nothing: it would make the database of somebody who did nothing.
            return Ok(());
        }
        store.append(&to_records(events)).await.map_err(|error| to_js(&error))?;
        if self.is_open(store) {
            self.recommender_mut()?.merge(events.iter().cloned()).map_err(|error| to_js(&error))?;
            self.changed.borrow_mut().extend(events.iter().map(|event| event.kind.clone()));
        }
        Ok(())
    }

    /// Remembers in what the events are others than these.
    fn note_difference(&self, before: &EventLog) -> Result<(), JsValue> {
        let recommender = self.recommender()?;
        let types = recommender.log().types_beside(before);
        self.changed.borrow_mut().extend(types.into_iter().map(str::to_owned));
        Ok(())
    }

    /// Whether this is still the profile in use, and no other was opened while the store worked.
    fn is_open(&self, store: &Store) -> bool {
        self.store.borrow().as_ref().is_some_and(|open| Rc::ptr_eq(open, store))
    }

    /// Takes these records for the profile.
    fn take(&self, records: Vec<Record>) -> Result<(), JsValue> {
        let (events, unreadable) = from_records(records);
        self.unreadable.replace(unreadable);
        let before = self.recommender()?.log().clone();
        self.recommender_mut()?.set_events(events).map_err(|error| to_js(&error))?;
        self.note_difference(&before)
    }

    fn store(&self) -> Result<Store, JsValue> {
        self.store.borrow().clone().ok_or_else(|| invalid_argument("Expected openProfile() first."))
    }

    fn recommender(&self) -> Result<Ref<'_, Recommender>, JsValue> {
        Ref::filter_map(self.recommender.borrow(), Option::as_ref).map_err(|_| no_catalog())
    }

    fn recommender_mut(&self) -> Result<RefMut<'_, Recommender>, JsValue> {
        RefMut::filter_map(self.recommender.borrow_mut(), Option::as_mut).map_err(|_| no_catalog())
    }
}

fn no_catalog() -> JsValue {
    invalid_argument("Expected a loaded catalog: begin(), add(), finish().")
}

fn from_js<T: serde::de::DeserializeOwned>(what: &str, value: &JsValue) -> Result<T, JsValue> {
    json::from_js(value).map_err(|error| {
        let came = error.as_string().unwrap_or_else(|| "a value that JSON cannot say".to_owned());
        invalid_argument(&format!("Expected {what}: {came}."))
    })
}

fn now_ms() -> i64 {
    // Whole milliseconds, far below 2^53.
    Date::now() as i64
}
