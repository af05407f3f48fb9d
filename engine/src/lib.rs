//! berth's engine: wasmtime behind the C header `include/berth_engine.h`. Nothing else names
//! wasmtime, and only `hooks/` uses its internals.
//!
//! Every `extern "C"` function here is declared in that header; its contract is stated there.
#![allow(clippy::missing_safety_doc)]

pub mod call;
pub mod compiled;
pub mod completion;
pub mod component;
pub mod engine;
pub mod error;
mod exit_code;
pub mod ffi;
pub mod files;
pub mod hooks;
pub mod http;
pub mod instance;
pub mod invoke;
pub mod limits;
pub mod linker;
pub mod pre;
mod shape;
pub mod task;
pub mod types_text;
pub mod wasi;
