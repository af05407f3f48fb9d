//! Errors: the C error object, the Rust value that carries it through wasmtime, and the mapping of
//! every wasmtime failure to a code.

use crate::ffi::Str;
use std::ffi::c_void;
use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum Code {
    Invalid = 1,
    Link = 2,
    Trap = 3,
    LimitTime = 4,
    LimitMemory = 5,
    LimitStack = 6,
    Exit = 7,
    Host = 8,
    Cancelled = 9,
    Resources = 10,
    Internal = 11,
    Unsupported = 12,
}

/// `berth_error_t`. The strings point into the allocation that owns it (`Owned`).
#[repr(C)]
pub struct CError {
    pub code: i32,
    pub exit_code: i32,
    pub message: Str,
    pub trace: Str,
}

/// The allocation behind every `berth_error_t*`; `c` is first so that the pointers are equal.
#[repr(C)]
struct Owned {
    c: CError,
    message: Box<str>,
    trace: Box<str>,
}

/// Owns one error object. Travels through wasmtime as a Rust error and comes out unchanged.
pub struct Failure(*mut Owned);

// The object is plain owned data behind a unique pointer.
unsafe impl Send for Failure {}
unsafe impl Sync for Failure {}

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Failure {
        Failure::raw(code as i32, 0, &message.into(), String::new())
    }

    pub fn invalid(message: impl Into<String>) -> Failure {
        Failure::new(Code::Invalid, message)
    }

    fn raw(code: i32, exit_code: i32, message: &str, trace: String) -> Failure {
        let message = one_line(message, code == Code::Link as i32).into_boxed_str();
        let trace = trace.into_boxed_str();
        let c = CError {
            code,
            exit_code,
            message: Str::of(&message),
            trace: Str::of(&trace),
        };
        Failure(Box::into_raw(Box::new(Owned { c, message, trace })))
    }

    /// Takes over an error made by C; None for NULL.
    ///
    /// # Safety
    /// `error` is NULL or came from `into_c` and is not used again.
    pub unsafe fn from_c(error: *mut CError) -> Option<Failure> {
        (!error.is_null()).then(|| Failure(error.cast()))
    }

    /// Gives ownership to C.
    pub fn into_c(self) -> *mut CError {
        let raw = self.0.cast();
        std::mem::forget(self);
        raw
    }

    /// A second object with the same content.
    pub fn copy(&self) -> Failure {
        let owned = unsafe { &*self.0 };
        Failure::raw(
            owned.c.code,
            owned.c.exit_code,
            &owned.message,
            owned.trace.to_string(),
        )
    }

    pub fn code(&self) -> i32 {
        unsafe { (*self.0).c.code }
    }

    fn message(&self) -> &str {
        unsafe { &(*self.0).message }
    }

    /// Adds the guest's stack unless the error has one already.
    fn with_trace(self, trace: String) -> Failure {
        // The object is ours alone, so a unique borrow is sound.
        let owned = unsafe { &mut *self.0 };
        if owned.trace.is_empty() && !trace.is_empty() {
            owned.trace = trace.into_boxed_str();
            owned.c.trace = Str::of(&owned.trace);
        }
        self
    }
}

impl Drop for Failure {
    fn drop(&mut self) {
        drop(unsafe { Box::from_raw(self.0) });
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Failure {}

/// Errors of linking list one import per line; every other message is one line.
fn one_line(text: &str, keep_lines: bool) -> String {
    if keep_lines || !text.contains(['\n', '\r']) {
        return text.to_string();
    }
    text.split(['\n', '\r'])
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// An error that did not come from running a guest: message is the whole chain, outermost first.
pub fn describe(code: Code, error: &wasmtime::Error) -> Failure {
    Failure::new(code, chain(error))
}

pub fn chain(error: &wasmtime::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Some errors print their source as well; do not say it twice.
        if !parts.last().is_some_and(|last| last.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// What ended a call or an instantiation. `denied` is the limiter's refusal during it, if any.
pub fn from_guest(error: wasmtime::Error, denied: Option<&str>) -> Failure {
    let trace = error
        .downcast_ref::<wasmtime::WasmBacktrace>()
        .map(trace_text)
        .unwrap_or_default();
    let error = match error.downcast::<Failure>() {
        Ok(failure) => {
            // A trap inside a realloc that a lower callback asked for keeps its code, unless the
            // limiter caused it.
            if failure.code() == Code::Trap as i32
                && let Some(denied) = denied
            {
                let message = format!("{}; {denied}", failure.message());
                return Failure::new(Code::LimitMemory, message).with_trace(trace);
            }
            return failure.with_trace(trace);
        }
        Err(error) => error,
    };
    if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        let message = format!("the guest exited with status {}", exit.0);
        return Failure::raw(Code::Exit as i32, exit.0, &message, trace);
    }
    let root = error.root_cause().to_string();
    let code = if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        Code::Resources
    } else if error.downcast_ref::<wasmtime::Trap>() == Some(&wasmtime::Trap::StackOverflow) {
        Code::LimitStack
    } else if error.downcast_ref::<wasmtime::Trap>() == Some(&wasmtime::Trap::Interrupt) {
        Code::LimitTime
    } else if root.contains("resource limit exceeded") {
        Code::LimitMemory
    } else {
        Code::Trap
    };
    let (code, message) = match denied {
        Some(denied) if code == Code::Trap => (Code::LimitMemory, format!("{root}; {denied}")),
        _ => (code, root),
    };
    Failure::raw(code as i32, 0, &message, trace)
}

/// One frame a line, innermost first. The Display form is used because it demangles.
fn trace_text(backtrace: &wasmtime::WasmBacktrace) -> String {
    let text = backtrace.to_string();
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().skip(1) {
        let line = line.trim();
        match lines.last_mut() {
            Some(last) if line.starts_with("at ") => {
                last.push(' ');
                last.push_str(line);
            }
            _ => lines.push(line.to_string()),
        }
    }
    lines.join("\n")
}

/// Runs `body` so that neither an error nor a panic crosses into C.
pub fn boundary(body: impl FnOnce() -> Result<(), Failure>) -> *mut CError {
    match caught(body) {
        Ok(()) => std::ptr::null_mut(),
        Err(failure) => failure.into_c(),
    }
}

/// Like [`boundary`], for callers that need the Rust value.
pub fn caught<T>(body: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body))
        .unwrap_or_else(|payload| Err(panicked(payload)))
}

/// For functions without an error result: a panic becomes `fallback`.
pub fn caught_or<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(fallback)
}

fn panicked(payload: Box<dyn std::any::Any + Send>) -> Failure {
    let what = payload
        .downcast_ref::<&str>()
        .map(|s| s.to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".into());
    let place = LAST_PANIC.take();
    Failure::new(
        Code::Internal,
        format!("panic in the engine: {what}{place}"),
    )
}

thread_local! {
    /// Where the last panic on this thread was raised, for the message of the error it becomes.
    static LAST_PANIC: std::cell::Cell<String> = const { std::cell::Cell::new(String::new()) };
}

/// The library never prints: replaces the hook that would write panics to stderr. This is the hook
/// of the Rust runtime linked into this library, which nothing else shares.
pub fn quiet_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            if let Some(at) = info.location() {
                LAST_PANIC.set(format!(" at {}:{}", at.file(), at.line()));
            }
        }));
    });
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_error_new(code: i32, message: *const u8, len: usize) -> *mut CError {
    let text = unsafe { Str { data: message, len }.text() };
    Failure::raw(code, 0, &text, String::new()).into_c()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_error_free(error: *mut CError) {
    drop(unsafe { Failure::from_c(error) });
}

/// For callbacks that take `void*`: a pointer that may move between threads because its owner in
/// C++ promised so.
#[derive(Clone, Copy)]
pub struct Shared(pub *mut c_void);
unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_place() {
        quiet_panics();
        let error = boundary(|| panic!("broken {}", 42));
        let failure = unsafe { Failure::from_c(error) }.expect("an error");
        assert_eq!(failure.code(), Code::Internal as i32);
        assert!(
            failure.message().contains("broken 42 at src/error.rs:"),
            "{failure}"
        );
    }

    #[test]
    fn messages_have_one_line_except_those_of_linking() {
        assert_eq!(Failure::invalid("a\n  b").message(), "a b");
        assert_eq!(Failure::new(Code::Link, "a\n  b").message(), "a\n  b");
    }
}
