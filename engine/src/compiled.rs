//! Compiled code outside the engine that will run it: made as bytes, mapped back from a file.

use crate::component::Component;
use crate::engine::{Engine, shared};
use crate::error::{CError, Failure, boundary, describe};
use crate::ffi::{Bytes, slice};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Whatever turns a component into machine code, in text: the version of every crate, and our own
/// rewriting of core modules.
const MAKERS: [&str; 3] = [
    include_str!("../Cargo.lock"),
    include_str!("component.rs"),
    include_str!("exit_code.rs"),
];

/// Names what code compiled for this engine fits: equal keys, interchangeable code.
fn key(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    MAKERS.hash(&mut hasher);
    engine.wt.precompile_compatibility_hash().hash(&mut hasher);
    format!(
        "wasmtime-{}-{}-{:016x}",
        wasmtime_version(),
        if engine.winch { "winch" } else { "cranelift" },
        hasher.finish()
    )
}

fn wasmtime_version() -> &'static str {
    MAKERS[0]
        .split("name = \"wasmtime\"\nversion = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("the lock file names wasmtime")
}

fn compile(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    crate::component::must_be_component(bytes)?;
    engine
        .wt
        .precompile_component(bytes)
        .map_err(|e| crate::component::not_compiled(engine, bytes, &e))
}

fn load(engine: &Arc<Engine>, fd: i32) -> Result<Component, Failure> {
    // By descriptor, so that what was checked is what is mapped, whatever its name points to by now.
    let path = format!("/proc/self/fd/{fd}");
    // Sound for what the header demands of the caller: a file of our own making that nobody writes to.
    let wt = unsafe { wasmtime::component::Component::deserialize_file(&engine.wt, &path) }
        .map_err(|e| describe(crate::error::Code::Invalid, &e))?;
    Ok(Component {
        wt,
        engine: engine.clone(),
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_engine_key(engine: *const Engine, out: *mut Bytes) -> *mut CError {
    boundary(|| {
        let engine = unsafe { shared(engine) }?;
        unsafe { out.write(Bytes::from_vec(key(&engine).into_bytes())) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_compile(
    engine: *const Engine,
    bytes: *const u8,
    len: usize,
    out: *mut Bytes,
) -> *mut CError {
    boundary(|| {
        let engine = unsafe { shared(engine) }?;
        let code = compile(&engine, unsafe { slice(bytes, len) })?;
        unsafe { out.write(Bytes::from_vec(code)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_component_load(
    engine: *const Engine,
    fd: i32,
    out: *mut *const Component,
) -> *mut CError {
    boundary(|| {
        let component = load(&unsafe { shared(engine) }?, fd)?;
        unsafe { *out = Arc::into_raw(Arc::new(component)) };
        Ok(())
    })
}
