//! Weights as a graph stores them: a constant, and what is done to it before it is used.

use super::onnx::TensorProto;

use super::bert::Table;
use super::graph::Links;
use super::linear::Channels;
use super::tensor::{bytes, floats, integers};

/// A matrix `(values − zero) · scale`, perhaps transposed.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) values: &'a TensorProto,
    pub(crate) scale: Option<&'a TensorProto>,
    pub(crate) zero: Option<&'a TensorProto>,
    pub(crate) transposed: bool,
    /// Which axis of `values` a one-dimensional scale runs along.
    pub(crate) axis: i64,
}

/// One number for all rows or columns, or one for each.
enum Spread {
    One(f32),
    PerRow(Vec<f32>),
    PerColumn(Vec<f32>),
}

impl<'a> Stored<'a> {
    /// Follows `name` back through casts, scales, zero points and transposes to a constant matrix.
    pub(crate) fn of(links: &Links<'a>, name: &str) -> Option<Self> {
        /// More of them than any exporter writes.
        const STEPS: usize = 16;
        Self::within(STEPS, links, name)
    }

    fn within(steps: usize, links: &Links<'a>, name: &str) -> Option<Self> {
        let steps = steps.checked_sub(1)?;
        if let Some(&values) = links.tensors.get(name) {
            return (values.dims.len() == 2).then_some(Self {
                values,
                scale: None,
                zero: None,
                transposed: false,
                axis: 1,
            });
        }
        let node = links.makers.get(name)?;
        let constant = |at: usize| {
            node.input.get(at).filter(|n| !n.is_empty()).and_then(|n| links.tensors.get(n.as_str()).copied())
        };
        match node.op_type.as_str() {
            "Identity" | "Cast" => Self::within(steps, links, &node.input[0]),
            "Transpose" => {
                let swaps = node.attribute.iter().find(|a| a.name == "perm").is_none_or(|a| a.ints == [1, 0]);
                Self::within(steps, links, &node.input[0]).filter(|_| swaps).map(Self::transposed)
            }
            "Mul" => {
                let (inner, scale) = match (constant(0), constant(1)) {
                    (_, Some(scale)) => (&node.input[0], scale),
                    (Some(scale), None) => (&node.input[1], scale),
                    (None, None) => return None,
                };
                let inner = Self::within(steps, links, inner)?;
                // The scale is in terms of what it is multiplied with; behind a transpose that is not the stored matrix.
                (inner.scale.is_none() && !inner.transposed).then_some(Self { scale: Some(scale), ..inner })
            }
            "Sub" => {
                let inner = Self::within(steps, links, &node.input[0])?;
                let plain = inner.scale.is_none() && inner.zero.is_none() && !inner.transposed;
                plain.then_some(Self { zero: Some(constant(1)?), ..inner })
            }
            "DequantizeLinear" => {
                let values = constant(0).filter(|t| t.dims.len() == 2)?;
                let axis = node.attribute.iter().find(|a| a.name == "axis").map_or(1, |a| a.i);
                let blocks = node.attribute.iter().any(|a| a.name == "block_size" && a.i != 0);
                let stored = Self { values, scale: Some(constant(1)?), zero: constant(2), transposed: false, axis };
                (!blocks).then_some(stored)
            }
            _ => None,
        }
    }

    pub(crate) fn transposed(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    /// Rows and columns as used.
    pub(crate) fn shape(&self) -> Option<(usize, usize)> {
        let (rows, columns) = self.stored_shape()?;
        Some(if self.transposed { (columns, rows) } else { (rows, columns) })
    }

    fn stored_shape(&self) -> Option<(usize, usize)> {
        let [rows, columns] = self.values.dims[..] else { return None };
        Some((usize::try_from(rows).ok()?, usize::try_from(columns).ok()?))
    }

    /// How a scale or zero point lies over the stored matrix.
    fn spread(&self, tensor: &TensorProto) -> Option<Spread> {
        let numbers = floats(tensor)
            .or_else(|| Some(integers(tensor)?.into_iter().map(|x| x as f32).collect()))
            .filter(|v| !v.is_empty())?;
        let (rows, columns) = self.stored_shape()?;
        let along_rows = match tensor.dims[..] {
            _ if numbers.len() == 1 => return Some(Spread::One(numbers[0])),
            // As an operand of Mul or Sub it is broadcast, so a plain vector runs along the last axis, which is the
            // default of `axis`.
            [_] => matches!(self.axis, 0 | -2),
            [_, 1] => true,
            [1, _] => false,
            _ => return None,
        };
        let (expected, spread) =
            if along_rows { (rows, Spread::PerRow as fn(_) -> _) } else { (columns, Spread::PerColumn as fn(_) -> _) };
        if numbers.len() == expected { Some(spread(numbers)) } else { None }
    }

    /// The matrix as int8 output channels, exactly as stored; `None` if it is not stored so.
    pub(crate) fn channels(&self) -> Option<Channels> {
        let (stored_rows, stored_columns) = self.stored_shape()?;
        let (_, outputs) = self.shape()?;
        let (mut weights, offset) = bytes(self.values)?;
        // Per output channel: along the stored columns, or along the rows of a transposed matrix.
        let per_output = |tensor: &TensorProto| match (self.spread(tensor)?, self.transposed) {
            (Spread::One(x), _) => Some(vec![x; outputs]),
            (Spread::PerColumn(v), false) | (Spread::PerRow(v), true) => Some(v),
            _ => None,
        };
        let scales = per_output(self.scale?)?;
        let zeros: Vec<i32> = match self.zero {
            Some(zero) => per_output(zero)?.into_iter().map(|z| z as i32 - offset).collect(),
            None => vec![-offset; outputs],
        };
        if self.transposed {
            weights = transpose(&weights, stored_rows, stored_columns);
        }
        let zeros = if zeros.iter().all(|&z| z == 0) { Vec::new() } else { zeros };
        Some(Channels { weights, scales, zeros, bias: Vec::new() })
    }

    /// The matrix as floats, row-major as used.
    pub(crate) fn floats(&self) -> Option<Vec<f32>> {
        let (rows, columns) = self.stored_shape()?;
        let mut values = match floats(self.values) {
            Some(values) => values,
            None => integers(self.values)?.into_iter().map(|x| x as f32).collect(),
        };
        let mut apply = |tensor: Option<&TensorProto>, with: fn(f32, f32) -> f32| -> Option<()> {
            let Some(tensor) = tensor else { return Some(()) };
            let spread = self.spread(tensor)?;
            for (i, value) in values.iter_mut().enumerate() {
                let number = match &spread {
                    Spread::One(x) => *x,
                    Spread::PerRow(v) => v[i / columns],
                    Spread::PerColumn(v) => v[i % columns],
                };
                *value = with(*value, number);
            }
            Some(())
        };
        apply(self.zero, |value, zero| value - zero)?;
        apply(self.scale, |value, scale| value * scale)?;
        Some(if self.transposed { transpose(&values, rows, columns) } else { values })
    }

    /// The matrix as a table whose rows are looked up, int8 where it is stored so.
    pub(crate) fn table(&self) -> Option<Table> {
        if self.transposed {
            return None;
        }
        let per_row = |tensor: &TensorProto| match self.spread(tensor)? {
            Spread::One(x) => Some(vec![x]),
            Spread::PerRow(v) => Some(v),
            Spread::PerColumn(_) => None,
        };
        let (Some((values, offset)), Some(scales)) = (bytes(self.values), self.scale.and_then(per_row)) else {
            return Some(Table::Float { values: self.floats()? });
        };
        let zeros = match self.zero {
            Some(zero) => per_row(zero)?.into_iter().map(|z| z - offset as f32).collect(),
            None => vec![-offset as f32],
        };
        Some(Table::Int8 { values, scales, zeros })
    }
}

pub(crate) fn transpose<T: Copy>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c])).collect()
}
