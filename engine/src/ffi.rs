//! The C types of `berth_engine.h`, field by field.

use crate::error::CError;
use std::ffi::c_void;

/// (pointer, length); NULL with any length reads as empty.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str {
    pub data: *const u8,
    pub len: usize,
}

impl Str {
    pub const EMPTY: Str = Str {
        data: std::ptr::null(),
        len: 0,
    };

    pub fn of(text: &str) -> Str {
        Str {
            data: text.as_ptr(),
            len: text.len(),
        }
    }

    /// # Safety
    /// `data` must be valid for `len` bytes for the lifetime chosen by the caller.
    pub unsafe fn bytes<'a>(&self) -> &'a [u8] {
        unsafe { slice(self.data, self.len) }
    }

    /// Invalid UTF-8 is replaced, never an error: names only have to compare unequal.
    ///
    /// # Safety
    /// See [`Str::bytes`].
    pub unsafe fn text(&self) -> String {
        String::from_utf8_lossy(unsafe { self.bytes() }).into_owned()
    }
}

/// A slice from C, where NULL or length 0 is empty.
///
/// # Safety
/// A non-NULL `data` must be valid for `len` elements.
pub unsafe fn slice<'a, T>(data: *const T, len: usize) -> &'a [T] {
    if data.is_null() || len == 0 {
        &[]
    } else {
        unsafe { std::slice::from_raw_parts(data, len) }
    }
}

/// Bytes owned by the receiver, allocated as `Box<[u8]>`.
#[repr(C)]
pub struct Bytes {
    pub data: *mut u8,
    pub len: usize,
}

impl Bytes {
    pub fn from_vec(bytes: Vec<u8>) -> Bytes {
        let len = bytes.len();
        let data = Box::into_raw(bytes.into_boxed_slice()).cast::<u8>();
        Bytes { data, len }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Value {
    pub lo: u64,
    pub hi: u64,
}

#[repr(C)]
pub struct EngineConfig {
    pub winch: bool,
    pub pooling: bool,
    pub compile_only: bool,
    pub max_instances: u32,
    pub max_memory_bytes: u64,
    pub max_table_elements: u32,
    pub max_wasm_stack_bytes: u32,
    pub async_stack_bytes: u32,
}

#[repr(C)]
pub struct HostCall {
    pub args: *const Value,
    pub spilled: u32,
    pub memory: *const u8,
    pub memory_len: usize,
    pub handles: *const u32,
    pub handle_count: usize,
    pub result: Value,
    pub op: *mut c_void,
}

/// Opaque to C: see `hooks::LowerHandle`.
#[repr(C)]
pub struct LowerCx {
    _private: [u8; 0],
}

pub type HostLower = unsafe extern "C" fn(
    env: *mut c_void,
    user: *mut c_void,
    op: *mut c_void,
    cx: *mut LowerCx,
    flat: *mut Value,
    addr: u32,
) -> *mut CError;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HostFunc {
    pub env: *mut c_void,
    pub flat_params: u32,
    pub flat_results: u32,
    pub param_handles: bool,
    pub async_: bool,
    pub call: Option<
        unsafe extern "C" fn(
            env: *mut c_void,
            user: *mut c_void,
            call: *mut HostCall,
            completion: *const crate::completion::Completion,
        ) -> *mut CError,
    >,
    pub lower: Option<HostLower>,
    pub drop: Option<unsafe extern "C" fn(env: *mut c_void, user: *mut c_void, op: *mut c_void)>,
}

pub type ResourceDrop = unsafe extern "C" fn(env: *mut c_void, user: *mut c_void, rep: u32);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct SockAddr {
    pub family: u8,
    pub port: u16,
    pub addr: [u8; 16],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Preopen {
    pub host_path: Str,
    pub guest_path: Str,
    pub write: bool,
}

#[repr(C)]
pub struct FileDenial {
    pub why: i32,
    pub operation: Str,
    pub directory: Str,
    pub path: Str,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WasiHooks {
    pub connect: Option<unsafe extern "C" fn(*mut c_void, i32, *const SockAddr) -> bool>,
    pub resolve: Option<unsafe extern "C" fn(*mut c_void, Str) -> bool>,
    pub http: Option<unsafe extern "C" fn(*mut c_void, Str, Str, Str, Str) -> bool>,
    pub output: Option<unsafe extern "C" fn(*mut c_void, i32, *const u8, usize)>,
    pub file_denied: Option<unsafe extern "C" fn(*mut c_void, *const FileDenial)>,
}

#[repr(C)]
pub struct WasiConfig {
    pub args: *const Str,
    pub args_len: usize,
    pub env: *const Str,
    pub env_len: usize,
    pub preopens: *const Preopen,
    pub preopens_len: usize,
    pub inherit_stdio: bool,
    pub extra_ca_pem: Str,
    pub hooks: WasiHooks,
}

#[repr(C)]
pub struct InstanceConfig {
    pub user: *mut c_void,
    pub max_memory_bytes: u64,
    pub max_table_elements: u32,
    pub max_core_instances: u32,
    pub wasi: *const WasiConfig,
}

/// A parameter that the engine copies into the guest.
#[repr(C)]
pub struct Block {
    pub data: *const u8,
    pub len: usize,
    pub align: u32,
    pub slot: u32,
}

#[repr(C)]
pub struct Call {
    pub ctx: *mut c_void,
    pub blocks: *const Block,
    pub block_count: usize,
    pub lower: Option<unsafe extern "C" fn(*mut c_void, *mut LowerCx, *mut Value) -> *mut CError>,
    pub lift: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            result: *const Value,
            memory: *const u8,
            memory_len: usize,
            handles: *const u32,
            handle_count: usize,
        ) -> *mut CError,
    >,
    pub deadline_ticks: u64,
    pub result: Value,
    pub args: [Value; 16],
}

pub type Wake = unsafe extern "C" fn(*mut c_void);
