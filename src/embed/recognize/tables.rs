//! The tables that tokens, positions and token types are looked up in.

use super::{Finder, Found, LAYOUT, attribute_int, no};
use crate::embed::bert::Table;
use crate::embed::stored::Stored;
use crate::embed::tensor;

impl<'a> Finder<'a> {
    /// Token, position and type tables from the leaves of the embedding sum.
    pub(super) fn tables(&self, leaves: &[&'a str], dims: usize) -> Found<[Option<Table>; 3]> {
        let mut tables = [None, None, None];
        for &leaf in leaves {
            let Some((stored, index)) = self.gather(leaf) else {
                return no(format!("{leaf} is not looked up in an embedding table"));
            };
            let Some((rows, columns)) = stored.shape().filter(|&(_, columns)| columns == dims) else {
                return no(format!("the table {} does not have {dims} columns", stored.values.name));
            };
            let place = if self.through(index, &LAYOUT) == "input_ids" {
                0
            } else if self.through(index, &LAYOUT) == "token_type_ids" || rows <= 16 {
                2
            } else if self.counts_from_zero(index) {
                1
            } else {
                return no(format!(
                    "positions are looked up in {} in a way that is not understood",
                    stored.values.name
                ));
            };
            let Some(table) = stored.table() else {
                return no(format!("the table {} is not understood", stored.values.name));
            };
            if tables[place].replace(table).is_some() {
                return no(format!("the {rows} × {columns} table {} is one too many", stored.values.name));
            }
        }
        Ok(tables)
    }

    /// The table and the index of a lookup, dequantized before or after it.
    pub(in crate::embed) fn gather(&self, name: &'a str) -> Option<(Stored<'a>, &'a str)> {
        let node = self.maker(self.through(name, &["Identity"]))?;
        match node.op_type.as_str() {
            "Gather" if attribute_int(node, "axis").unwrap_or(0) == 0 => {
                Some((Stored::of(self.links, &node.input[0])?, &node.input[1]))
            }
            "DequantizeLinear" => {
                let gather = self.made_by(&node.input[0], "Gather")?;
                let stored = Stored {
                    values: self.constant(&gather.input[0])?,
                    scale: Some(self.constant(&node.input[1])?),
                    zero: node.input.get(2).filter(|n| !n.is_empty()).and_then(|n| self.constant(n)),
                    transposed: false,
                    axis: 0,
                };
                // One scale for all: per-row scales would have to be gathered too.
                (tensor::element_count(stored.scale?) == Some(1)).then_some((stored, gather.input[1].as_str()))
            }
            _ => None,
        }
    }

    /// Whether an index is 0, 1, 2, … whatever the tokens are: a slice of such a constant, or a range. Models that count
    /// only past padding (RoBERTa) look at the tokens.
    fn counts_from_zero(&self, name: &'a str) -> bool {
        let name = self.through(name, &["Identity", "Cast", "Unsqueeze", "Expand", "Reshape"]);
        let Some(node) = self.maker(name) else { return name == "position_ids" };
        match node.op_type.as_str() {
            "Range" => {
                node.input.first().and_then(|n| self.constant(n)).and_then(tensor::integers).as_deref() == Some(&[0])
            }
            "Slice" => self
                .constant(self.through(&node.input[0], &["Identity"]))
                .and_then(tensor::integers)
                .is_some_and(|v| v.iter().enumerate().all(|(i, &x)| x == i as i64)),
            _ => false,
        }
    }
}
