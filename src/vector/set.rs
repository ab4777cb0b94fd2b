//! Rows of equal length, kept in chunks where they lie.

use arrow_buffer::{ArrowNativeType, ScalarBuffer};

use super::error::{VectorError, VectorErrorKind};
use super::int8::{Int8Rows, Int8Values};
use super::quantize::{MAX_NORM, checked_norm2, quantize_row};

/// How the rows of a [`VectorSet`] are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// One byte a value and one scale a row: a quarter of the memory, and the faster scan.
    Int8,
    /// Four bytes a value, exactly as they came.
    Float32,
}

impl Precision {
    /// `int8` or `float32`, as options name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Float32 => "float32",
        }
    }

    /// Reads [`name`](Self::name) back.
    pub fn from_name(name: &str) -> Result<Self, VectorError> {
        match name {
            "int8" => Ok(Self::Int8),
            "float32" => Ok(Self::Float32),
            _ => Err(VectorErrorKind::UnknownOption {
                option: "precision",
                found: name.to_owned(),
                known: &["int8", "float32"],
            }
            .into()),
        }
    }

    /// Bytes that one value takes.
    pub(crate) fn value_bytes(self) -> usize {
        match self {
            Self::Int8 => 1,
            Self::Float32 => 4,
        }
    }
}

/// Values that are either shared with whoever read them (an Arrow buffer) or our own to grow and change.
#[derive(Debug, Clone)]
pub(super) enum Store<T: ArrowNativeType> {
    Shared(ScalarBuffer<T>),
    Owned(Vec<T>),
}

impl<T: ArrowNativeType> Store<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::Shared(buffer) => buffer,
            Self::Owned(values) => values,
        }
    }

    /// The values as our own; shared ones are copied the first time.
    pub(super) fn to_mut(&mut self) -> &mut Vec<T> {
        if let Self::Shared(buffer) = self {
            *self = Self::Owned(buffer.to_vec());
        }
        match self {
            Self::Owned(values) => values,
            Self::Shared(_) => unreachable!("made our own just above"),
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        match self {
            Self::Shared(buffer) => *buffer = buffer.slice(0, len),
            Self::Owned(values) => values.truncate(len),
        }
    }
}

#[derive(Debug, Clone)]
enum Values {
    Int8 { values: Int8Values, scales: Store<f32> },
    Float32 { values: Store<f32> },
}

#[derive(Debug, Clone)]
struct Chunk {
    first_row: usize,
    rows: usize,
    values: Values,
}

/// The rows of one chunk, as kernels read them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rows<'a> {
    /// Rows, each with its scale.
    Int8(Int8Rows<'a>),
    /// `values.len() / dims` rows.
    Float32 { values: &'a [f32] },
}

/// Rows of equal dims in chunks, one per Arrow record batch, used where the Arrow buffers lie.
///
/// Rows are numbered from 0 in the order in which they were pushed. Chunks that came as buffers are never copied unless
/// a row in them is replaced; rows pushed as floats go into chunks of our own of about 128 KiB, so that growing never
/// moves what is there and never reserves more than one such chunk ahead.
///
/// ```
/// use homebody::{Precision, VectorSet};
/// let mut set = VectorSet::new(3, Precision::Int8)?;
/// set.push_quantized(&[1.0, 0.0, 0.5,   0.0, -2.0, 0.0])?;
/// let mut row = [0.0; 3];
/// set.row_into(1, &mut row);
/// assert_eq!((set.len(), row), (2, [0.0, -2.0, 0.0]));
/// # Ok::<(), homebody::VectorError>(())
/// ```
#[derive(Debug, Clone)]
pub struct VectorSet {
    dims: usize,
    precision: Precision,
    len: usize,
    chunks: Vec<Chunk>,
    /// Where parts of int8 rows of our own begin, beside 0.
    places: Vec<usize>,
}

/// Bytes of values in a chunk of our own: large enough that chunk borders cost nothing, small enough that the unused end
/// of the last one does not show (at most 0.4 % of 100,000 × 384 int8).
const CHUNK_BYTES: usize = 1 << 17;

impl VectorSet {
    /// An empty set of rows of `dims` (2..=4096) values.
    pub fn new(dims: usize, precision: Precision) -> Result<Self, VectorError> {
        if !(2..=4096).contains(&dims) {
            return Err(VectorErrorKind::Dims { dims }.into());
        }
        Ok(Self { dims, precision, len: 0, chunks: Vec::new(), places: Vec::new() })
    }

    /// The same, whose int8 rows of our own lie in parts that begin at `places`, which ascend and lie within the row: whoever
    /// reads only the first values of most rows then reads only those from memory. Rows that come as buffers lie as they are.
    pub(crate) fn in_parts(dims: usize, precision: Precision, places: Vec<usize>) -> Result<Self, VectorError> {
        Ok(Self { places, ..Self::new(dims, precision)? })
    }

    /// Appends rows as they lie in a buffer: row `i` ≈ `values[i*dims..][..dims] * scales[i]`. Nothing is copied.
    ///
    /// # Errors
    /// If the set is float32, values are no whole rows, scales are not one a row, or a scale is not finite.
    pub fn push_int8(&mut self, values: ScalarBuffer<i8>, scales: ScalarBuffer<f32>) -> Result<(), VectorError> {
        self.require(Precision::Int8)?;
        let rows = self.whole_rows(values.len())?;
        if scales.len() != rows {
            return Err(VectorErrorKind::Scales { rows, scales: scales.len() }.into());
        }
        // No row is longer than 128·√dims steps.
        let longest = MAX_NORM / (128.0 * (self.dims as f64).sqrt());
        if let Some(row) = scales.iter().position(|scale| !scale.is_finite() || f64::from(scale.abs()) > longest) {
            return Err(VectorErrorKind::NotFinite { row }.into());
        }
        let values = Int8Values::shared(self.dims, values);
        self.push_chunk(rows, Values::Int8 { values, scales: Store::Shared(scales) });
        Ok(())
    }

    /// Appends rows as they lie in a buffer. Nothing is copied.
    ///
    /// # Errors
    /// If the set is int8, values are no whole rows, or one is NaN, infinite or beyond [`MAX_NORM`].
    pub fn push_float32(&mut self, values: ScalarBuffer<f32>) -> Result<(), VectorError> {
        self.require(Precision::Float32)?;
        let rows = self.whole_rows(values.len())?;
        self.check_finite(&values)?;
        self.push_chunk(rows, Values::Float32 { values: Store::Shared(values) });
        Ok(())
    }

    /// Appends float rows as int8, each with a scale of its own: rounded in steps of its greatest magnitude / 127, and scaled so
    /// that what rounding did is at right angles to it.
    ///
    /// # Errors
    /// As [`push_rows`](Self::push_rows), and if the set is float32.
    pub fn push_quantized(&mut self, rows: &[f32]) -> Result<(), VectorError> {
        self.require(Precision::Int8)?;
        self.push_rows(rows)
    }

    /// Appends float rows, quantized if the set is int8, copied if it is float32.
    ///
    /// # Errors
    /// If values are no whole rows, or one is NaN, infinite or beyond [`MAX_NORM`]; nothing is appended then.
    pub fn push_rows(&mut self, rows: &[f32]) -> Result<(), VectorError> {
        self.whole_rows(rows.len())?;
        self.check_finite(rows)?;
        let (dims, capacity) = (self.dims, self.chunk_rows());
        let mut quantized = vec![0; dims];
        let mut rest = rows;
        while !rest.is_empty() {
            if !self.chunks.last().is_some_and(|chunk| chunk.is_owned() && chunk.rows < capacity) {
                let values = match self.precision {
                    Precision::Int8 => Values::Int8 {
                        values: Int8Values::with_capacity(dims, &self.places, capacity),
                        scales: Store::Owned(Vec::with_capacity(capacity)),
                    },
                    Precision::Float32 => Values::Float32 { values: Store::Owned(Vec::with_capacity(capacity * dims)) },
                };
                self.chunks.push(Chunk { first_row: self.len, rows: 0, values });
            }
            let chunk = self.chunks.last_mut().expect("pushed above");
            let (now, later) = rest.split_at(rest.len().min((capacity - chunk.rows) * dims));
            match &mut chunk.values {
                Values::Int8 { values, scales } => {
                    for row in now.chunks_exact(dims) {
                        scales.to_mut().push(quantize_row(row, &mut quantized));
                        values.push(&quantized);
                    }
                }
                Values::Float32 { values } => values.to_mut().extend_from_slice(now),
            }
            chunk.rows += now.len() / dims;
            self.len += now.len() / dims;
            rest = later;
        }
        Ok(())
    }

    /// Puts other values in the place of a row.
    ///
    /// # Errors
    /// If there is no such row, or the values are of another length or not finite.
    pub fn replace_row(&mut self, row: usize, values: &[f32]) -> Result<(), VectorError> {
        if row >= self.len {
            return Err(VectorErrorKind::Row { row, rows: self.len }.into());
        }
        if values.len() != self.dims {
            return Err(VectorErrorKind::Length { expected: self.dims, found: values.len() }.into());
        }
        checked_norm2(0, values)?;
        let dims = self.dims;
        let (chunk, at) = self.locate(row);
        match &mut self.chunks[chunk].values {
            Values::Int8 { values: bytes, scales } => {
                let mut quantized = vec![0; dims];
                scales.to_mut()[at] = quantize_row(values, &mut quantized);
                bytes.replace(at, &quantized);
            }
            Values::Float32 { values: floats } => floats.to_mut()[at * dims..][..dims].copy_from_slice(values),
        }
        Ok(())
    }

    /// Removes a row by moving the last one into its place.
    ///
    /// # Errors
    /// If there is no such row.
    pub fn swap_remove_row(&mut self, row: usize) -> Result<(), VectorError> {
        if row >= self.len {
            return Err(VectorErrorKind::Row { row, rows: self.len }.into());
        }
        let dims = self.dims;
        let last = self.len - 1;
        if row != last {
            let (from, from_at) = self.locate(last);
            let (to, to_at) = self.locate(row);
            match self.chunks[from].rows(dims) {
                Rows::Int8(rows) => {
                    let moved: Vec<i8> = rows.row(from_at, 0..dims).flatten().copied().collect();
                    let scale = rows.scales[from_at];
                    let Values::Int8 { values, scales } = &mut self.chunks[to].values else { unreachable!() };
                    values.replace(to_at, &moved);
                    scales.to_mut()[to_at] = scale;
                }
                Rows::Float32 { values } => {
                    let moved = values[from_at * dims..][..dims].to_vec();
                    let Values::Float32 { values } = &mut self.chunks[to].values else { unreachable!() };
                    values.to_mut()[to_at * dims..][..dims].copy_from_slice(&moved);
                }
            }
        }
        let chunk = self.chunks.last_mut().expect("there is a last row");
        chunk.rows -= 1;
        match &mut chunk.values {
            Values::Int8 { values, scales } => {
                values.truncate(chunk.rows);
                scales.truncate(chunk.rows);
            }
            Values::Float32 { values } => values.truncate(chunk.rows * dims),
        }
        if chunk.rows == 0 {
            self.chunks.pop();
        }
        self.len = last;
        Ok(())
    }

    /// Values a row.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How rows are kept.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Bytes that the values take, without scales.
    pub fn value_bytes(&self) -> usize {
        self.len * self.dims * self.precision.value_bytes()
    }

    /// Writes the values of `row` as floats.
    ///
    /// # Panics
    /// If there is no such row or `out` is not `dims` long.
    pub fn row_into(&self, row: usize, out: &mut [f32]) {
        assert_eq!(out.len(), self.dims, "a row has {} values", self.dims);
        match self.block(row, 1) {
            Rows::Int8(rows) => {
                for (out, value) in out.iter_mut().zip(rows.row(0, 0..self.dims).flatten()) {
                    *out = f32::from(*value) * rows.scales[0];
                }
            }
            Rows::Float32 { values } => out.copy_from_slice(values),
        }
    }

    /// Each chunk with its first row, in order.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (usize, Rows<'_>)> {
        self.chunks.iter().map(|chunk| (chunk.first_row, chunk.rows(self.dims)))
    }

    /// `rows` rows from `first` on, which must lie in one chunk.
    pub(crate) fn block(&self, first: usize, rows: usize) -> Rows<'_> {
        assert!(first + rows <= self.len, "rows {first}..{} of {}", first + rows, self.len);
        let (chunk, at) = self.locate(first);
        self.chunks[chunk].rows(self.dims).slice(self.dims, at, rows)
    }

    fn locate(&self, row: usize) -> (usize, usize) {
        let chunk = self.chunks.partition_point(|chunk| chunk.first_row <= row) - 1;
        (chunk, row - self.chunks[chunk].first_row)
    }

    fn chunk_rows(&self) -> usize {
        // A multiple of 64, the rows of a mask's word, so that blocks and words stay in step.
        (CHUNK_BYTES / (self.dims * self.precision.value_bytes())).next_multiple_of(64)
    }

    fn push_chunk(&mut self, rows: usize, values: Values) {
        if rows > 0 {
            self.chunks.push(Chunk { first_row: self.len, rows, values });
            self.len += rows;
        }
    }

    fn require(&self, precision: Precision) -> Result<(), VectorError> {
        match self.precision == precision {
            true => Ok(()),
            false => Err(VectorErrorKind::Precision { set: self.precision }.into()),
        }
    }

    fn whole_rows(&self, values: usize) -> Result<usize, VectorError> {
        match values % self.dims {
            0 => Ok(values / self.dims),
            _ => Err(VectorErrorKind::PartialRow { dims: self.dims, values }.into()),
        }
    }

    fn check_finite(&self, rows: &[f32]) -> Result<(), VectorError> {
        rows.chunks_exact(self.dims).enumerate().try_for_each(|(row, values)| checked_norm2(row, values).map(drop))
    }
}

impl Chunk {
    fn rows(&self, dims: usize) -> Rows<'_> {
        match &self.values {
            Values::Int8 { values, scales } => Rows::Int8(values.rows(&scales.as_slice()[..self.rows])),
            Values::Float32 { values } => Rows::Float32 { values: &values.as_slice()[..self.rows * dims] },
        }
    }

    fn is_owned(&self) -> bool {
        match &self.values {
            Values::Int8 { values, .. } => values.is_owned(),
            Values::Float32 { values } => matches!(values, Store::Owned(_)),
        }
    }
}

impl<'a> Rows<'a> {
    /// How many rows of `dims` values these are.
    pub(crate) fn len(self, dims: usize) -> usize {
        match self {
            Self::Int8(rows) => rows.len(),
            Self::Float32 { values } => values.len() / dims,
        }
    }

    /// `rows` of these from `at` on.
    pub(crate) fn slice(self, dims: usize, at: usize, rows: usize) -> Rows<'a> {
        match self {
            Self::Int8(these) => Self::Int8(these.slice(at, rows)),
            Self::Float32 { values } => Self::Float32 { values: &values[at * dims..][..rows * dims] },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(set: &VectorSet, row: usize) -> Vec<f32> {
        let mut out = vec![0.0; set.dims()];
        set.row_into(row, &mut out);
        out
    }

    #[test]
    fn dims_have_bounds() {
        for dims in [0, 1, 4097] {
            assert_eq!(VectorSet::new(dims, Precision::Int8).unwrap_err().code(), "vector-dims");
        }
        assert!(VectorSet::new(2, Precision::Int8).is_ok() && VectorSet::new(4096, Precision::Float32).is_ok());
    }

    #[test]
    fn arrow_buffers_are_used_where_they_lie() {
        let values = ScalarBuffer::from(vec![1_i8, 2, 3, -128, 127, 0]);
        let scales = ScalarBuffer::from(vec![0.5_f32, 2.0]);
        let mut set = VectorSet::new(3, Precision::Int8).unwrap();
        set.push_int8(values.clone(), scales).unwrap();
        set.push_quantized(&[127.0, 0.0, -127.0]).unwrap();
        let Rows::Int8(rows) = set.block(0, 2) else { panic!("an int8 set") };
        let seen: Vec<_> = rows.pieces(0..3).map(|piece| piece.values.as_ptr()).collect();
        assert_eq!(seen, [values.as_ptr()], "the buffer was copied");
        assert_eq!(row(&set, 1), [-256.0, 254.0, 0.0]);
        assert_eq!(row(&set, 2), [127.0, 0.0, -127.0]);

        let floats = ScalarBuffer::from(vec![1.0_f32, 2.0, 3.0, 4.0]);
        let mut set = VectorSet::new(2, Precision::Float32).unwrap();
        set.push_float32(floats.clone()).unwrap();
        let Rows::Float32 { values: seen } = set.block(0, 2) else { panic!("a float32 set") };
        assert!(std::ptr::eq(seen.as_ptr(), floats.as_ptr()), "the buffer was copied");
    }

    #[test]
    fn bad_input_is_refused_and_leaves_the_set_as_it_was() {
        let mut set = VectorSet::new(3, Precision::Int8).unwrap();
        let bytes = || ScalarBuffer::from(vec![0_i8; 6]);
        let codes = [
            set.push_int8(ScalarBuffer::from(vec![0_i8; 5]), ScalarBuffer::from(vec![1.0_f32])).unwrap_err().code(),
            set.push_int8(bytes(), ScalarBuffer::from(vec![1.0_f32])).unwrap_err().code(),
            set.push_int8(bytes(), ScalarBuffer::from(vec![1.0, f32::NAN])).unwrap_err().code(),
            set.push_int8(bytes(), ScalarBuffer::from(vec![1.0, 1e18])).unwrap_err().code(),
            set.push_float32(ScalarBuffer::from(vec![0.0_f32; 3])).unwrap_err().code(),
            set.push_quantized(&[1.0, 2.0]).unwrap_err().code(),
            set.push_quantized(&[1.0, 2.0, 3.0, 1.0, f32::NAN, 3.0]).unwrap_err().code(),
        ];
        assert_eq!(
            codes,
            [
                "vector-partial-row",
                "vector-scales",
                "vector-not-finite",
                "vector-not-finite",
                "vector-precision",
                "vector-partial-row",
                "vector-not-finite",
            ]
        );
        assert!(set.is_empty());
    }

    #[test]
    fn own_chunks_fill_up_before_new_ones_begin() {
        let mut set = VectorSet::new(4096, Precision::Float32).unwrap();
        for at in 0..200 {
            set.push_rows(&vec![at as f32; 4096]).unwrap();
        }
        assert_eq!(
            set.chunks().map(|(first, rows)| (first, rows.len(4096))).collect::<Vec<_>>(),
            [(0, 64), (64, 64), (128, 64), (192, 8)]
        );
        assert_eq!(row(&set, 130)[4095], 130.0);
    }

    #[test]
    fn rows_are_replaced_and_removed_across_chunks() {
        for precision in [Precision::Int8, Precision::Float32] {
            let mut set = VectorSet::new(2, precision).unwrap();
            match precision {
                Precision::Int8 => set
                    .push_int8(ScalarBuffer::from(vec![1_i8, 1, 2, 2]), ScalarBuffer::from(vec![1.0_f32, 1.0]))
                    .unwrap(),
                Precision::Float32 => set.push_float32(ScalarBuffer::from(vec![1.0_f32, 1.0, 2.0, 2.0])).unwrap(),
            }
            set.push_rows(&[3.0, 3.0]).unwrap();
            set.replace_row(1, &[9.0, 9.0]).unwrap();
            assert_eq!((row(&set, 0), row(&set, 1)), (vec![1.0; 2], vec![9.0; 2]));
            set.swap_remove_row(0).unwrap();
            assert_eq!((set.len(), row(&set, 0), row(&set, 1)), (2, vec![3.0; 2], vec![9.0; 2]));
            set.swap_remove_row(1).unwrap();
            set.push_rows(&[4.0, 4.0]).unwrap();
            assert_eq!((row(&set, 0), row(&set, 1)), (vec![3.0; 2], vec![4.0; 2]));
            set.swap_remove_row(0).unwrap();
            set.swap_remove_row(0).unwrap();
            assert!(set.is_empty());
            assert_eq!(set.swap_remove_row(0).unwrap_err().code(), "vector-row");
            assert_eq!(set.replace_row(0, &[1.0, 1.0]).unwrap_err().code(), "vector-row");
            set.push_rows(&[5.0, 5.0]).unwrap();
            assert_eq!(row(&set, 0), [5.0; 2]);
            assert_eq!(set.replace_row(0, &[1.0]).unwrap_err().code(), "vector-length");
        }
    }
}
