//! The end of an asynchronous host call: set once by C from any thread, awaited by the guest's fibre.

use crate::error::{CError, Failure, caught_or};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What `berth_completion_t` points to: one strong count of an `Arc` belongs to C.
#[derive(Default)]
pub struct Completion(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Running,
    Waited(Waker),
    Done(Result<(), Failure>),
    /// Nobody waits any more.
    Over,
}

impl Completion {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, result: Result<(), Failure>) {
        let mut state = self.state();
        if let State::Over = *state {
            return;
        }
        let before = std::mem::replace(&mut *state, State::Done(result));
        drop(state);
        // Outside the lock: waking runs C code.
        if let State::Waited(waker) = before {
            waker.wake();
        }
    }
}

/// Waits for a completion. Dropping it makes the completion do nothing when it comes.
pub struct Waiting(pub Arc<Completion>);

impl Future for Waiting {
    type Output = Result<(), Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.state();
        match std::mem::replace(&mut *state, State::Over) {
            State::Done(result) => Poll::Ready(result),
            _ => {
                *state = State::Waited(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        *self.0.state() = State::Over;
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_complete(completion: *const Completion, error: *mut CError) {
    let failure = unsafe { Failure::from_c(error) };
    if completion.is_null() {
        return;
    }
    let completion = unsafe { Arc::from_raw(completion) };
    caught_or((), || completion.finish(failure.map_or(Ok(()), Err)));
}
