//! What does this person like? The event log, which is the truth, and what is derived from it.
//!
//! [`Event`]s are things that a person did. An [`EventLog`] keeps them, each once, in an order that does not depend on how
//! they came. [`Effects`] says what a type of event means, [`Taste`] is what the log comes to, item by item, and a
//! [`Strategy`] makes interests of it. A profile leaves and enters as one JSON document ([`write_profile`],
//! [`read_profile`]).
//!
//! ```
//! use homebody::{Effects, Event, EventLog, Taste};
//! let mut log = EventLog::new();
//! let (id, item, kind) = ("1".to_owned(), "dune".to_owned(), "like".to_owned());
//! log.merge([Event { id, item, kind, value: None, time: 1_700_000_000_000, catalog: "v1".into() }])?;
//! let taste = Taste::derive(log.events(), &Effects::default());
//! assert_eq!(taste.likes[0].item, "dune");
//! # Ok::<(), homebody::ProfileError>(())
//! ```
//!
//! What it does not do: keep anything ([`EventStore`](crate::EventStore) does), know the catalog (an [`ItemSource`] hands
//! in vectors), or read a clock.

mod bytes;
mod document;
mod effects;
mod error;
mod event;
mod exponential;
mod ids;
mod log;
mod packed;
mod records;
mod strategy;
mod taste;

pub(crate) use bytes::{Reader, Writer, checksum};
pub use document::{read_profile, write_profile};
pub use effects::{DESCRIBE, Effect, Effects, IMPRESSION, MUTE, ValueUse};
pub use error::{ProfileError, ProfileErrorKind};
pub use event::{Event, NewEvent};
pub use ids::{CountedIds, IdSource, RandomIds};
pub use log::{EventLog, Merged};
pub(crate) use packed::{Places, pack_events, pack_taste, unpack_events, unpack_taste};
pub use records::{from_records, to_records};
pub use strategy::{Ema, Interest, ItemSource, Kernel, Mean, Strategy};
pub(crate) use strategy::{MOST_LIKES, dot, too_old};
pub(crate) use taste::day;
pub use taste::{Evidence, MAX_MASS, Step, Taste};
