//! What the worker is told when Rust code panics.
//!
//! A panic ends in a trap: the call that met it throws, and whatever was half done stays half done. A panic inside a
//! future throws nowhere, because nobody called it. So the hook tells the worker first, which then refuses every call.

use std::cell::RefCell;
use std::sync::Once;

use js_sys::Function;
use wasm_bindgen::JsValue;

thread_local! {
    static LISTENER: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Calls `listener` with the panic's message and place, from now on.
pub(super) fn report_to(listener: Function) {
    LISTENER.set(Some(listener));
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            LISTENER.with_borrow(|listener| {
                if let Some(listener) = listener {
                    // Nothing is left to do with an error of the listener's own.
                    let _ = listener.call1(&JsValue::NULL, &JsValue::from(info.to_string()));
                }
            });
        }));
    });
}
