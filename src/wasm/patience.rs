//! Waiting for what may never come: a browser's database that is broken does not fail, it is silent.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;

/// Databases answer within milliseconds, on a busy disk within seconds. As long as the browser's cache is waited for, see
/// `js/patience.ts`.
pub(super) const SILENCE_MS: i32 = 10_000;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(work: &Closure<dyn FnMut()>, ms: i32) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// What comes of the future; nothing if that takes longer. The future is dropped then.
pub(super) async fn within<T>(ms: i32, future: impl Future<Output = T>) -> Option<T> {
    let over = Rc::new(Cell::new(false));
    let waker: Rc<RefCell<Option<Waker>>> = Rc::default();
    let ring = {
        let (over, waker) = (Rc::clone(&over), Rc::clone(&waker));
        Closure::new(move || {
            over.set(true);
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        })
    };
    let _timer = Timer { id: set_timeout(&ring, ms), _ring: ring };
    let mut future = pin!(future);
    poll_fn(|context| {
        if let Poll::Ready(value) = future.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        waker.replace(Some(context.waker().clone()));
        if over.get() { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

/// Does not ring any more when dropped.
struct Timer {
    id: JsValue,
    _ring: Closure<dyn FnMut()>,
}

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.id);
    }
}
