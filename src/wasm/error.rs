//! The one place where errors become JavaScript's.

use js_sys::{Error, Reflect};
use wasm_bindgen::JsValue;

/// An error of ours: one with a stable code.
pub(super) trait Coded: std::error::Error {
    /// Kebab-case, the same on every face of the library.
    fn code(&self) -> &'static str;
}

macro_rules! coded {
    ($($error:ty),* $(,)?) => {$(
        impl Coded for $error {
            fn code(&self) -> &'static str {
                // The inherent method, which takes precedence.
                self.code()
            }
        }
    )*};
}

#[cfg(feature = "wasm-embed")]
coded!(crate::EmbedError);
#[cfg(feature = "wasm-graph")]
coded!(crate::RankerError);
#[cfg(feature = "wasm-core")]
coded!(crate::CatalogError, crate::ProfileError, crate::RankError, crate::StoreError, crate::VectorError);

/// An `Error` named `HomebodyError` with `code`, and with `cause` as far as sources go.
pub(super) fn to_js(error: &impl Coded) -> JsValue {
    with_code(error.code(), plain(error))
}

/// An error of this border itself: what came from JavaScript has the wrong shape.
pub(super) fn invalid_argument(message: &str) -> JsValue {
    coded_error("invalid-argument", message)
}

/// An error that arises at this border.
pub(super) fn coded_error(code: &str, message: &str) -> JsValue {
    with_code(code, Error::new(message).into())
}

fn with_code(code: &str, thrown: JsValue) -> JsValue {
    set(&thrown, "name", "HomebodyError".into());
    set(&thrown, "code", code.into());
    thrown
}

fn plain(error: &dyn std::error::Error) -> JsValue {
    let thrown = JsValue::from(Error::new(&error.to_string()));
    if let Some(source) = error.source() {
        set(&thrown, "cause", plain(source));
    }
    thrown
}

fn set(target: &JsValue, name: &str, value: JsValue) {
    let done = Reflect::set(target, &name.into(), &value);
    debug_assert_eq!(done, Ok(true), "an Error takes any property");
}
