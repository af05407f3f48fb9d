//! Components: recognising, parsing, adapting and compiling them.

use crate::engine::{Engine, shared};
use crate::error::{CError, Code, Failure, boundary, caught_or, chain, describe};
use crate::ffi::{Bytes, Str, slice};
use crate::shape;
use std::sync::Arc;

/// What `berth_component_t` points to (an `Arc`).
pub struct Component {
    pub wt: wasmtime::component::Component,
    pub engine: Arc<Engine>,
}

const UNKNOWN: i32 = 0;
const COMPONENT: i32 = 1;
const MODULE: i32 = 2;

/// Magic, then a 16-bit version and a 16-bit layer (Binary.md, preamble).
fn kind(bytes: &[u8]) -> i32 {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => COMPONENT,
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => MODULE,
        _ => UNKNOWN,
    }
}

pub fn must_be_component(bytes: &[u8]) -> Result<(), Failure> {
    match kind(bytes) {
        COMPONENT => Ok(()),
        MODULE => Err(Failure::invalid(
            "this is a core WebAssembly module, not a component; wrap it with the preview-1 \
             adapter (berth does it for a `wasm32-wasip1` program) or build it for \
             `wasm32-wasip2`",
        )),
        _ => Err(Failure::invalid(
            "not a WebAssembly binary (wrong first 8 bytes)",
        )),
    }
}

/// What a failed compilation means. Winch reports a proposal that it lacks as if the component were
/// malformed, so such a component is validated once more with every proposal: what is then valid, it
/// is Winch that cannot compile.
pub fn not_compiled(engine: &Engine, bytes: &[u8], error: &wasmtime::Error) -> Failure {
    use wasmparser::{Validator, WasmFeatures};
    let valid = || Validator::new_with_features(WasmFeatures::all()).validate_all(bytes);
    if engine.winch && valid().is_ok() {
        return Failure::new(
            Code::Unsupported,
            format!("Winch cannot compile this component: {}", chain(error)),
        );
    }
    describe(Code::Invalid, error)
}

fn compile(engine: &Arc<Engine>, bytes: &[u8]) -> Result<Component, Failure> {
    must_be_component(bytes)?;
    let wt = wasmtime::component::Component::from_binary(&engine.wt, bytes).map_err(|e| {
        // What can be compiled does not fit into the pool: that is not for another compiler to mend.
        if engine.winch && engine.wt.precompile_component(bytes).is_ok() {
            return describe(Code::Invalid, &e);
        }
        not_compiled(engine, bytes, &e)
    })?;
    Ok(Component {
        wt,
        engine: engine.clone(),
    })
}

fn adapt(module: &[u8]) -> Result<Vec<u8>, Failure> {
    use wasi_preview1_component_adapter_provider as adapters;
    if kind(module) != MODULE {
        return Err(Failure::invalid("not a core WebAssembly module"));
    }
    let is_command = exports_start(module)?;
    let adapter = if is_command {
        adapters::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER
    } else {
        adapters::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER
    };
    let module = crate::exit_code::keep_exit_code(module)?;
    wit_component::ComponentEncoder::default()
        .module(&module)
        .and_then(|e| e.adapter(adapters::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter))
        .and_then(|e| e.validate(true).encode())
        .map_err(|e| Failure::invalid(format!("cannot adapt this module: {e:#}")))
}

/// Validates the module, which the encoder relies on, and looks for the export `_start`.
fn exports_start(module: &[u8]) -> Result<bool, Failure> {
    use wasmparser::{Parser, Payload, Validator};
    let malformed = |e| Failure::invalid(format!("malformed WebAssembly module: {e}"));
    Validator::new().validate_all(module).map_err(malformed)?;
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(section) = payload.map_err(malformed)? {
            for export in section {
                if export.map_err(malformed)?.name == "_start" {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_bytes_free(bytes: Bytes) {
    if !bytes.data.is_null() {
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(bytes.data, bytes.len)) });
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_kind(bytes: *const u8, len: usize) -> i32 {
    kind(unsafe { slice(bytes, len) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_adapt_module(
    bytes: *const u8,
    len: usize,
    out: *mut Bytes,
) -> *mut CError {
    boundary(|| {
        let component = adapt(unsafe { slice(bytes, len) })?;
        unsafe { out.write(Bytes::from_vec(component)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_parse_text(
    text: *const u8,
    len: usize,
    out: *mut Bytes,
) -> *mut CError {
    boundary(|| {
        let text = unsafe { Str { data: text, len }.text() };
        let binary =
            wat::parse_str(&text).map_err(|e| Failure::invalid(format!("component text: {e}")))?;
        unsafe { out.write(Bytes::from_vec(binary)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_component_compile(
    engine: *const Engine,
    bytes: *const u8,
    len: usize,
    out: *mut *const Component,
) -> *mut CError {
    boundary(|| {
        let engine = unsafe { shared(engine) }?;
        let component = compile(&engine, unsafe { slice(bytes, len) })?;
        unsafe { *out = Arc::into_raw(Arc::new(component)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_component_free(component: *const Component) {
    if !component.is_null() {
        caught_or((), || drop(unsafe { Arc::from_raw(component) }));
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_component_describe(
    component: *const Component,
    out: *mut Bytes,
) -> *mut CError {
    boundary(|| {
        let component =
            unsafe { component.as_ref() }.ok_or_else(|| Failure::invalid("no component"))?;
        let json = shape::of_compiled(&component.wt, &component.engine.wt)?;
        unsafe { out.write(Bytes::from_vec(json.into_bytes())) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_read_shape(
    bytes: *const u8,
    len: usize,
    out: *mut Bytes,
) -> *mut CError {
    boundary(|| {
        let bytes = unsafe { slice(bytes, len) };
        must_be_component(bytes)?;
        let json = shape::of_bytes(bytes)?;
        unsafe { out.write(Bytes::from_vec(json.into_bytes())) };
        Ok(())
    })
}
