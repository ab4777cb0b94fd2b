//! The catalog as a map, with the person on it.

use serde::Serialize;

use super::recommender::Recommender;
use crate::catalog::{MAP_X, MAP_Y};

/// Every item as a point, coordinates from −1 to 1, and where the person is among them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TasteMap {
    /// The items that have a place, in the order of ids.
    pub ids: Vec<String>,
    /// From left to right.
    pub x: Vec<f64>,
    /// From bottom to top.
    pub y: Vec<f64>,
    /// The places of `ids` whose items the person likes.
    pub liked: Vec<usize>,
    /// The mean of what the person likes, by how much it counts: since the map is a projection, this is the projection of their mean
    /// vector. Nothing without likes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<[f64; 2]>,
}

impl Recommender {
    /// The map; nothing if the catalog was built without (`map = "SPACE"` in its schema).
    pub fn map(&self) -> Option<TasteMap> {
        let (x, y) = (self.named(MAP_X)?, self.named(MAP_Y)?);
        let mut map = TasteMap { ids: Vec::new(), x: Vec::new(), y: Vec::new(), liked: Vec::new(), person: None };
        let mut at_row = vec![None; self.catalog.len()];
        for (row, at) in at_row.iter_mut().enumerate() {
            if let (Some(x), Some(y)) = (x.number(row), y.number(row)) {
                *at = Some(map.ids.len());
                map.ids.push(self.catalog.id(row).to_owned());
                map.x.push(x);
                map.y.push(y);
            }
        }
        let (mut mass, mut sum) = (0.0, [0.0; 2]);
        for liked in &self.person.whole().likes {
            let Some(at) = at_row[liked.row] else { continue };
            map.liked.push(at);
            mass += liked.mass;
            sum = [sum[0] + liked.mass * map.x[at], sum[1] + liked.mass * map.y[at]];
        }
        map.person = (mass > 0.0).then(|| sum.map(|sum| sum / mass));
        Some(map)
    }
}
