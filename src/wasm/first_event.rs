//! A future for the first of some events of a DOM object.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, EventTarget};

/// Listens from its making on, so that nothing is missed before it is awaited; stops listening when dropped.
pub(super) struct FirstEvent {
    target: EventTarget,
    names: &'static [&'static str],
    listener: Closure<dyn FnMut(Event)>,
    slot: Rc<RefCell<Slot>>,
}

#[derive(Default)]
struct Slot {
    event: Option<Event>,
    waker: Option<Waker>,
}

impl FirstEvent {
    pub(super) fn of(target: &EventTarget, names: &'static [&'static str]) -> Result<Self, JsValue> {
        let slot = Rc::new(RefCell::new(Slot::default()));
        let filled = Rc::clone(&slot);
        let listener = Closure::new(move |event: Event| {
            let mut slot = filled.borrow_mut();
            slot.event.get_or_insert(event);
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        });
        for name in names {
            target.add_event_listener_with_callback(name, listener.as_ref().unchecked_ref())?;
        }
        Ok(Self { target: target.clone(), names, listener, slot })
    }
}

impl Future for FirstEvent {
    type Output = Event;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Event> {
        let mut slot = self.slot.borrow_mut();
        match slot.event.take() {
            Some(event) => Poll::Ready(event),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for FirstEvent {
    fn drop(&mut self) {
        for name in self.names {
            // It was added, so it can be removed.
            let _ = self.target.remove_event_listener_with_callback(name, self.listener.as_ref().unchecked_ref());
        }
    }
}
