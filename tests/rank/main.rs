//! Ranking, from the outside: catalogs made by the real builder and reader, people made of events, lists that come out.
#![cfg(feature = "cli")]

mod ahead;
mod beginnings;
mod calls;
mod dislikes;
mod effects;
mod explain;
mod filters;
mod limits;
mod lists;
mod model;
mod profile;
mod properties;
mod snapshots;
mod support;
mod weighted_sum;
