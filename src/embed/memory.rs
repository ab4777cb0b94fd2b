//! Whether the memory that a model needs can be had.

use super::error::{EmbedError, EmbedErrorKind};

/// A model is in memory twice while it is loaded: the file as it came, and the weights as kernels read them.
const TIMES: u64 = 2;

/// Makes sure that a model whose files have so many bytes can be loaded, by taking the memory in one piece and giving it back.
/// Running out of memory later would end the whole module (in WebAssembly there is nobody to unwind to), so it is tried
/// while an error can still be returned.
///
/// # Errors
/// [`EmbedErrorKind::Memory`].
pub(crate) fn reserve_memory(file_bytes: u64) -> Result<(), EmbedError> {
    let bytes = file_bytes.saturating_mul(TIMES);
    let refused = || {
        let megabytes = bytes.div_ceil(1_000_000);
        EmbedError::new(EmbedErrorKind::Memory, format!("{megabytes} MB were asked for and refused"))
    };
    let bytes = usize::try_from(bytes).map_err(|_| refused())?;
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|error| refused().with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_an_error_and_not_the_end() {
        reserve_memory(0).unwrap();
        reserve_memory(30_000_000).unwrap();
        for bytes in [1 << 60, u64::MAX / 2, u64::MAX] {
            let error = reserve_memory(bytes).unwrap_err();
            assert_eq!((error.kind(), error.code()), (EmbedErrorKind::Memory, "out-of-memory"));
            assert!(error.to_string().contains("ranking without text search goes on"), "{error}");
        }
    }
}
