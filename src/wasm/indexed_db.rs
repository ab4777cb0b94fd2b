//! Events in the browser's database.
//!
//! One database per profile, named `homebody/PROFILE`; what is in it is said in [`indexed_db_layout`](super::indexed_db_layout).
//!
//! It is made when the first record is appended, not before, so that a visitor who does nothing leaves nothing, and erasing
//! removes the database itself. A lost connection is opened anew once per call. Another tab that wants to erase or upgrade
//! gets this one's connection closed at once. A database that does not open or cannot be read within seconds counts as refused; should
//! it answer after all, the connection is closed unused.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, Event, IdbDatabase, IdbFactory, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransaction,
};

use super::first_event::FirstEvent;
use super::indexed_db_layout::{EVENTS, META, REVISION, Stores, VERSION, records_of, upgrade};
use super::indexed_db_snapshot::value_of;
use super::json;
use super::patience::{SILENCE_MS, within};
use crate::store::{EventStore, Record, Snapshot, StorageKind, StoreError, StoreErrorKind};

/// The mode of a transaction that changes nothing.
const READ: &str = "readonly";

/// Events that cross the border as one text.
const TOGETHER: u32 = 10_000;

#[wasm_bindgen]
extern "C" {
    /// What web-sys counts as unstable, though every browser of the last years has it.
    #[wasm_bindgen(extends = IdbDatabase)]
    type Database;
    #[wasm_bindgen(method, catch, js_name = transaction)]
    fn transaction_with(
        this: &Database,
        stores: &Array,
        mode: &str,
        options: &Object,
    ) -> Result<IdbTransaction, JsValue>;

    #[wasm_bindgen(extends = IdbFactory)]
    type Factory;
    #[wasm_bindgen(method, catch)]
    fn databases(this: &Factory) -> Result<Promise, JsValue>;
}

/// The database of one profile.
pub(super) struct IndexedDb {
    name: String,
    connection: RefCell<Option<Rc<Connection>>>,
    known: Cell<Known>,
    /// Whether it was waited for in vain: once is enough for everybody who wants to read.
    silent: Cell<bool>,
}

/// The events that were handed out, taken and removed here.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    /// Not all that are kept, or others.
    Others,
    /// None, and there was no database.
    NoDatabase,
    /// Exactly those of this revision.
    Revision(f64),
}

/// An open connection. Dropping it closes it, once the transactions under way are done.
struct Connection {
    database: IdbDatabase,
    closed: Rc<Cell<bool>>,
    _on_version_change: Closure<dyn FnMut(Event)>,
    _on_close: Closure<dyn FnMut(Event)>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.database.set_onversionchange(None);
        self.database.set_onclose(None);
        self.database.close();
    }
}

impl IndexedDb {
    pub(super) fn new(profile: &str) -> Self {
        Self {
            name: format!("homebody/{profile}"),
            connection: RefCell::new(None),
            known: Cell::new(Known::Others),
            silent: Cell::new(false),
        }
    }

    /// The answer, if it comes in time.
    async fn answered<T>(&self, answer: impl Future<Output = T>) -> Result<T, StoreError> {
        let answer = within(SILENCE_MS, answer).await;
        answer.ok_or_else(|| {
            self.silent.set(true);
            silence()
        })
    }

    fn factory() -> Result<IdbFactory, StoreError> {
        let found = Reflect::get(&js_sys::global(), &"indexedDB".into()).map_err(|thrown| refused(&thrown))?;
        found.dyn_into().map_err(|_| {
            StoreError::new(StoreErrorKind::Refused, "expected this browser to have IndexedDB, found none")
        })
    }

    /// Whether the database is there already; asking by opening it would make it.
    async fn exists(&self) -> Result<bool, StoreError> {
        let factory: Factory = Self::factory()?.unchecked_into();
        let method = Reflect::get(&factory, &"databases".into()).map_err(|thrown| refused(&thrown))?;
        if !method.is_instance_of::<Function>() {
            // A browser that does not tell: opening it is the only way to know.
            return Ok(true);
        }
        let list = factory.databases().map_err(|thrown| refused(&thrown))?;
        let list = self.answered(JsFuture::from(list)).await?.map_err(|thrown| refused(&thrown))?;
        Ok(Array::from(&list).iter().any(|info| {
            Reflect::get(&info, &"name".into()).is_ok_and(|name| name.as_string().as_deref() == Some(&self.name))
        }))
    }

    async fn connection(&self) -> Result<Rc<Connection>, StoreError> {
        // Taken out of the cell before anything is awaited.
        let held = self.connection.borrow().clone();
        if let Some(connection) = held.filter(|connection| !connection.closed.get()) {
            return Ok(connection);
        }
        let connection = Rc::new(self.open().await?);
        self.connection.replace(Some(Rc::clone(&connection)));
        Ok(connection)
    }

    async fn open(&self) -> Result<Connection, StoreError> {
        let request = Self::factory()?.open_with_u32(&self.name, VERSION).map_err(|thrown| refused(&thrown))?;
        let failed: Rc<RefCell<Option<JsValue>>> = Rc::default();
        let made = Rc::new(Cell::new(None));
        let on_upgrade = {
            let (request, failed, made) = (request.clone(), Rc::clone(&failed), Rc::clone(&made));
            Closure::<dyn FnMut(web_sys::IdbVersionChangeEvent)>::new(move |event: web_sys::IdbVersionChangeEvent| {
                match upgrade(&request, event.old_version()) {
                    Ok(revision) => made.set(revision.filter(|_| event.old_version() == 0.0)),
                    Err(thrown) => {
                        failed.replace(Some(thrown));
                        if let Some(transaction) = request.transaction() {
                            let _ = transaction.abort();
                        }
                    }
                }
            })
        };
        request.set_onupgradeneeded(Some(on_upgrade.as_ref().unchecked_ref()));
        let event = FirstEvent::of(&request, &["success", "error", "blocked"]).map_err(|thrown| refused(&thrown))?;
        let event = match self.answered(event).await {
            Ok(event) => event,
            Err(silence) => {
                give_up(&request);
                return Err(silence);
            }
        };
        if let Some(thrown) = failed.take() {
            return Err(refused(&thrown));
        }
        request.set_onupgradeneeded(None);
        match event.type_().as_str() {
            "success" => {}
            "blocked" => {
                // Should the other tab give way after all.
                give_up(&request);
                let message = "expected to open the profile's database, but another tab holds an older version of it \
                               open; close the other tabs of this site";
                return Err(StoreError::new(StoreErrorKind::Refused, message));
            }
            _ => {
                event.prevent_default();
                let error = request.error().ok().flatten();
                if error.as_ref().is_some_and(|error| error.name() == "VersionError") {
                    let message = format!(
                        "expected a profile database of version {VERSION} or older, but a newer version of this site \
                         wrote it; reload the page without its cache"
                    );
                    return Err(StoreError::new(StoreErrorKind::Refused, message));
                }
                return Err(error.map_or_else(|| refused(&JsValue::NULL), |error| refused(&error)));
            }
        }
        let database: IdbDatabase = request.result().map_err(|thrown| refused(&thrown))?.unchecked_into();
        if let (Some(revision), Known::NoDatabase) = (made.get(), self.known.get()) {
            self.known.set(Known::Revision(revision));
        }
        let closed = Rc::new(Cell::new(false));
        let on_version_change = {
            let (database, closed) = (database.clone(), Rc::clone(&closed));
            Closure::new(move |_: Event| {
                closed.set(true);
                database.close();
            })
        };
        let on_close = {
            let closed = Rc::clone(&closed);
            Closure::new(move |_: Event| closed.set(true))
        };
        database.set_onversionchange(Some(on_version_change.as_ref().unchecked_ref()));
        database.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Ok(Connection { database, closed, _on_version_change: on_version_change, _on_close: on_close })
    }

    /// Runs one transaction to its end, on a new connection if the one at hand turns out lost. `work` only
    /// places requests; a transaction that fails changes nothing, and so can be run again.
    async fn run<T>(&self, mode: &str, work: impl Fn(&Stores) -> Result<T, JsValue>) -> Result<T, StoreError> {
        match self.run_once(mode, &work).await {
            Err(error) if error.kind() == StoreErrorKind::Lost => {
                self.connection.replace(None);
                self.run_once(mode, &work).await
            }
            done => done,
        }
    }

    async fn run_once<T>(&self, mode: &str, work: &impl Fn(&Stores) -> Result<T, JsValue>) -> Result<T, StoreError> {
        let connection = self.connection().await?;
        let (transaction, done, stores) = (|| {
            let options = Object::new();
            // An event counts as kept when it is on the disk, not when the system has promised to write it.
            Reflect::set(&options, &"durability".into(), &"strict".into())?;
            let stores = Array::of2(&EVENTS.into(), &META.into());
            let database: &Database = connection.database.unchecked_ref();
            let transaction = database.transaction_with(&stores, mode, &options)?;
            let done = FirstEvent::of(&transaction, &["complete", "abort"])?;
            let stores = Stores { events: transaction.object_store(EVENTS)?, meta: transaction.object_store(META)? };
            Ok((transaction, done, stores))
        })()
        .map_err(|thrown: JsValue| failed(&thrown))?;
        let value = match work(&stores) {
            Ok(value) => value,
            Err(thrown) => {
                // What was asked for before would be committed: all or none of it is promised.
                let _ = transaction.abort();
                let _ = self.answered(done).await;
                return Err(failed(&thrown));
            }
        };
        // A change is not given up: whether it was made would never be known.
        let ended = if mode == READ || self.silent.get() { self.answered(done).await? } else { done.await };
        if ended.type_() == "complete" {
            return Ok(value);
        }
        Err(failed(&transaction.error().map_or(JsValue::NULL, JsValue::from)))
    }

    /// Runs a transaction that adds the events of these ids or, without them, removes others, and counts it.
    async fn change(
        &self,
        added: Option<Rc<[String]>>,
        work: impl Fn(&IdbObjectStore) -> Result<(), JsValue>,
    ) -> Result<(), StoreError> {
        let before = self.run("readwrite", |stores| {
            work(&stores.events)?;
            stores.count_change(added.clone())
        });
        let before = before.await?.get();
        self.known.set(match (before, self.known.get()) {
            (Some(before), Known::Revision(known)) if before == known => Known::Revision(known + 1.0),
            _ => Known::Others,
        });
        Ok(())
    }
}

impl EventStore for IndexedDb {
    async fn load(&self) -> Result<Vec<Record>, StoreError> {
        if self.silent.get() {
            return Err(silence());
        }
        if !self.exists().await? {
            self.known.set(Known::NoDatabase);
            return Ok(Vec::new());
        }
        let read = self.run(READ, |stores| {
            Ok((stores.events.get_all_keys()?, stores.events.get_all()?, stores.meta.get(&REVISION.into())?))
        });
        let (keys, values, revision) = read.await?;
        let result = |request: &IdbRequest| request.result().map_err(|thrown| failed(&thrown));
        let (keys, values) = (Array::from(&result(&keys)?), Array::from(&result(&values)?));
        self.known.set(result(&revision)?.as_f64().map_or(Known::Others, Known::Revision));
        let mut records = Vec::with_capacity(keys.length() as usize);
        for first in (0..keys.length()).step_by(TOGETHER as usize) {
            let part = |list: &Array| list.slice(first, first.saturating_add(TOGETHER));
            records.extend(records_of(&part(&keys), &part(&values))?);
        }
        Ok(records)
    }

    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        let value = |record: &Record| Ok((JsValue::from(&record.id), json::to_js(&record.value)?));
        let values: Vec<_> =
            records.iter().map(value).collect::<Result<_, JsValue>>().map_err(|thrown| failed(&thrown))?;
        // One listener for all requests: a record that is there already is no failure and must not abort the transaction.
        let known = Closure::<dyn FnMut(Event)>::new(|event: Event| {
            let request: Option<IdbRequest> = event.target().and_then(|target| target.dyn_into().ok());
            let error = request.and_then(|request| request.error().ok().flatten());
            if error.is_some_and(|error| error.name() == "ConstraintError") {
                event.prevent_default();
                event.stop_propagation();
            }
        });
        let add = |events: &IdbObjectStore| {
            for (id, value) in &values {
                events.add_with_key(value, id)?.set_onerror(Some(known.as_ref().unchecked_ref()));
            }
            Ok(())
        };
        let ids = records.iter().map(|record| record.id.clone()).collect();
        self.change(Some(ids), add).await
    }

    async fn remove(&self, ids: &[String]) -> Result<(), StoreError> {
        if !self.exists().await? {
            return Ok(());
        }
        let delete = |events: &IdbObjectStore| ids.iter().try_for_each(|id| events.delete(&id.into()).map(|_| ()));
        self.change(None, delete).await
    }

    async fn erase(&self) -> Result<(), StoreError> {
        if !self.exists().await? {
            return Ok(());
        }
        // Emptied first: should another tab keep the database from being deleted, nothing is in it any more.
        self.run("readwrite", |stores| {
            stores.events.clear()?;
            stores.count_change(None)
        })
        .await?;
        self.known.set(Known::NoDatabase);
        self.connection.replace(None);
        let request = Self::factory()?.delete_database(&self.name).map_err(|thrown| refused(&thrown))?;
        let event = FirstEvent::of(&request, &["success", "error", "blocked"]).map_err(|thrown| refused(&thrown))?;
        // Emptied it is, whenever it is deleted.
        let Ok(event) = self.answered(event).await else { return Ok(()) };
        if event.type_() == "error" {
            event.prevent_default();
            return Err(request.error().ok().flatten().map_or_else(|| failed(&JsValue::NULL), |error| failed(&error)));
        }
        Ok(())
    }

    async fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        if !self.exists().await? {
            return Ok(None);
        }
        let found = self.run(READ, Stores::read_snapshot).await?.found();
        Ok(found.map(|(revision, snapshot)| {
            self.known.set(Known::Revision(revision));
            snapshot
        }))
    }

    async fn keep_snapshot(&self, bytes: &[u8]) -> Result<bool, StoreError> {
        let Known::Revision(known) = self.known.get() else { return Ok(false) };
        let value = value_of(bytes, known).map_err(|thrown| failed(&thrown))?;
        Ok(self.run("readwrite", |stores| stores.keep_snapshot(&value, known)).await?.get())
    }

    fn kind(&self) -> StorageKind {
        StorageKind::IndexedDb
    }
}

/// Whatever comes of an opening that nobody waits for any more: an upgrade is not made, for there is nobody to make it, and a connection is
/// closed, for it would stand in the way of others.
fn give_up(request: &IdbOpenDbRequest) {
    let asked = request.clone();
    let abort = Closure::once_into_js(move |_: Event| {
        if let Some(transaction) = asked.transaction() {
            let _ = transaction.abort();
        }
    });
    request.set_onupgradeneeded(Some(abort.unchecked_ref()));
    let asked = request.clone();
    let close = Closure::once_into_js(move |_: Event| {
        if let Ok(database) = asked.result() {
            database.unchecked_into::<IdbDatabase>().close();
        }
    });
    request.set_onsuccess(Some(close.unchecked_ref()));
}

fn silence() -> StoreError {
    let message = format!(
        "expected the profile's database to answer, no answer came within {} s; close other tabs of this site, or the browser, and try \
         again",
        SILENCE_MS / 1000
    );
    StoreError::new(StoreErrorKind::Refused, message)
}

/// What the browser threw when the database was to be opened.
fn refused(thrown: &JsValue) -> StoreError {
    let message = format!("expected to open the profile's database, the browser refused it ({})", describe(thrown));
    StoreError::new(StoreErrorKind::Refused, message)
}

/// What the browser threw when an open database was used.
fn failed(thrown: &JsValue) -> StoreError {
    let name = thrown.dyn_ref::<DomException>().map(DomException::name);
    match name.as_deref() {
        Some("QuotaExceededError") => {
            let message = "expected room for an event, but this site's storage or the disk is full";
            StoreError::new(StoreErrorKind::Full, message)
        }
        _ => {
            let message = format!("the connection to the profile's database was lost ({})", describe(thrown));
            StoreError::new(StoreErrorKind::Lost, message)
        }
    }
}

fn describe(thrown: &JsValue) -> String {
    match thrown.dyn_ref::<DomException>() {
        Some(error) => format!("{}: {}", error.name(), error.message()),
        None => thrown.as_string().unwrap_or_else(|| "no reason was given".to_owned()),
    }
}
