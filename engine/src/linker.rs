//! The linker: host functions and resources registered from C, as wasmtime host functions.

use crate::completion::{Completion, Waiting};
use crate::engine::{Engine, shared};
use crate::error::{CError, Code, Failure, Shared, boundary, caught_or, describe};
use crate::ffi::{self, HostCall, ResourceDrop, Str, Value};
use crate::hooks::{DirectRet, Op, RawParams, RawRet};
use crate::instance::StoreData;
use crate::types_text::unversioned;
use std::ffi::c_void;
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, ResourceType};

/// What `berth_linker_t` points to.
pub struct Linker {
    pub wt: wasmtime::component::Linker<StoreData>,
    pub engine: Arc<Engine>,
    pub funcs: Vec<Arc<HostEntry>>,
    pub resources: Vec<HostResource>,
    /// Names (without version) of the WASI interfaces added.
    pub wasi: Vec<&'static str>,
}

/// One host function.
pub struct HostEntry {
    pub interface: String,
    pub name: String,
    /// Structural text of the type the binding was generated from.
    pub text: String,
    pub func: ffi::HostFunc,
}

// `env` may be used from any thread: the contract of berth_host_func_t.
unsafe impl Send for HostEntry {}
unsafe impl Sync for HostEntry {}

/// One host resource. Its position in the linker's list is its id in wasmtime.
#[derive(Clone)]
pub struct HostResource {
    pub interface: String,
    pub name: String,
    /// "IFACE#name" as in the structural text.
    pub text: String,
    pub env: Shared,
    pub drop: Option<ResourceDrop>,
}

impl HostEntry {
    /// C leaves nothing behind that outlives its call.
    fn is_direct(&self) -> bool {
        !self.func.async_ && self.func.lower.is_none() && self.func.drop.is_none()
    }

    /// Calls C with lifted parameters; returns its `op` and flat result. The guest's memory stays
    /// where it is until this returns.
    #[inline(always)]
    fn call<const N: usize, const H: bool>(
        &self,
        data: &mut StoreData,
        params: RawParams<N, H>,
        completion: *const Completion,
    ) -> Result<(*mut c_void, Value), Failure> {
        let Some(call) = self.func.call else {
            return Err(Failure::new(Code::Internal, "no callback"));
        };
        let handles = match params.handles {
            Some(ref handles) if H => data.take_handles(handles),
            _ => Vec::new(),
        };
        let mut host_call = HostCall {
            args: params.args,
            spilled: params.spilled,
            memory: params.memory,
            memory_len: params.memory_len,
            handles: handles.as_ptr(),
            handle_count: handles.len(),
            result: Value::default(),
            op: std::ptr::null_mut(),
        };
        let error = unsafe { call(self.func.env, data.user, &mut host_call, completion) };
        if error.is_null() {
            return Ok((host_call.op, host_call.result));
        }
        drop(self.op(data, host_call.op));
        Err(unsafe { Failure::from_c(error) }
            .unwrap_or_else(|| Failure::new(Code::Internal, "no error")))
    }

    /// The guard that releases what C keeps for a call.
    fn op(&self, data: &StoreData, op: *mut c_void) -> Op {
        Op {
            op,
            user: data.user,
            func: &self.func,
        }
    }

    fn begin<const N: usize, const H: bool>(
        &self,
        data: &mut StoreData,
        params: RawParams<N, H>,
        completion: *const Completion,
    ) -> Result<(Op, Value), Failure> {
        let (op, result) = self.call(data, params, completion)?;
        Ok((self.op(data, op), result))
    }

    fn begin_async<const N: usize, const H: bool>(
        &self,
        data: &mut StoreData,
        params: RawParams<N, H>,
    ) -> Result<(Op, Waiting, Value), Failure> {
        let waiting = Waiting(Arc::new(Completion::default()));
        let for_c = Arc::into_raw(waiting.0.clone());
        match self.begin(data, params, for_c) {
            Ok((op, result)) => Ok((op, waiting, result)),
            Err(failure) => {
                // The operation never started, so nobody will complete it.
                drop(unsafe { Arc::from_raw(for_c) });
                Err(failure)
            }
        }
    }
}

fn add<const N: usize, const H: bool>(
    at: &mut LinkerInstance<'_, StoreData>,
    entry: &Arc<HostEntry>,
) -> wasmtime::Result<()> {
    if entry.func.flat_results == 1 {
        add_with::<N, H, 1>(at, entry.clone())
    } else {
        add_with::<N, H, 0>(at, entry.clone())
    }
}

fn add_with<const N: usize, const H: bool, const R: usize>(
    at: &mut LinkerInstance<'_, StoreData>,
    entry: Arc<HostEntry>,
) -> wasmtime::Result<()> {
    let name = entry.name.clone();
    if entry.func.async_ {
        at.func_wrap_async(
            &name,
            move |mut store: StoreContextMut<'_, StoreData>, params: RawParams<N, H>| {
                let begun = entry.begin_async(store.data_mut(), params);
                Box::new(async move {
                    // Dropped early, `waiting` goes before `op`: first nobody waits, then C cancels.
                    let (op, waiting, result) = begun?;
                    waiting.await?;
                    Ok(RawRet::<R> { op, result })
                })
            },
        )
    } else if entry.is_direct() {
        at.func_wrap(
            &name,
            move |mut store: StoreContextMut<'_, StoreData>, params: RawParams<N, H>| {
                let (_, result) = entry.call(store.data_mut(), params, std::ptr::null())?;
                Ok(DirectRet::<R>(result.lo))
            },
        )
    } else {
        at.func_wrap(
            &name,
            move |mut store: StoreContextMut<'_, StoreData>, params: RawParams<N, H>| {
                let (op, result) = entry.begin(store.data_mut(), params, std::ptr::null())?;
                Ok(RawRet::<R> { op, result })
            },
        )
    }
}

/// One instantiation per flat count: wasmtime's parameter types are static.
fn add_counted<const H: bool>(
    at: &mut LinkerInstance<'_, StoreData>,
    entry: &Arc<HostEntry>,
) -> wasmtime::Result<()> {
    macro_rules! by_count {
        ($($n:literal)*) => {
            match entry.func.flat_params {
                $($n => add::<$n, H>(at, entry),)*
                // Spilled: only the address is used.
                _ => add::<0, H>(at, entry),
            }
        };
    }
    by_count!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
}

impl Linker {
    fn at(&mut self, interface: &str) -> wasmtime::Result<LinkerInstance<'_, StoreData>> {
        if interface.is_empty() {
            Ok(self.wt.root())
        } else {
            self.wt.instance(interface)
        }
    }

    fn func(&mut self, entry: HostEntry) -> Result<(), Failure> {
        if entry.func.call.is_none() || entry.func.flat_results > 2 {
            return Err(Failure::invalid(format!(
                "host function \"{}\" of \"{}\": no callback, or flat_results above 2",
                entry.name, entry.interface
            )));
        }
        let entry = Arc::new(entry);
        let mut at = self
            .at(&entry.interface)
            .map_err(|e| describe(Code::Invalid, &e))?;
        let added = if entry.func.param_handles {
            add_counted::<true>(&mut at, &entry)
        } else {
            add_counted::<false>(&mut at, &entry)
        };
        added.map_err(|e| describe(Code::Invalid, &e))?;
        self.funcs.push(entry);
        Ok(())
    }

    fn resource(&mut self, resource: HostResource) -> Result<(), Failure> {
        let id = self.resources.len() as u32;
        let HostResource {
            interface,
            name,
            env,
            drop,
            ..
        } = resource.clone();
        self.at(&interface)
            .and_then(|mut at| {
                at.resource(
                    &name,
                    ResourceType::host_dynamic(id),
                    move |mut store, rep| {
                        let data: &mut StoreData = store.data_mut();
                        data.taken_back(id, rep);
                        if let Some(drop) = drop {
                            unsafe { drop({ env }.0, data.user, rep) };
                        }
                        Ok(())
                    },
                )
            })
            .map_err(|e| describe(Code::Invalid, &e))?;
        self.resources.push(resource);
        Ok(())
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_linker_new(
    engine: *const Engine,
    out: *mut *mut Linker,
) -> *mut CError {
    boundary(|| {
        let engine = unsafe { shared(engine) }?;
        let linker = Linker {
            wt: wasmtime::component::Linker::new(&engine.wt),
            engine,
            funcs: Vec::new(),
            resources: Vec::new(),
            wasi: Vec::new(),
        };
        unsafe { *out = Box::into_raw(Box::new(linker)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_linker_free(linker: *mut Linker) {
    if !linker.is_null() {
        caught_or((), || drop(unsafe { Box::from_raw(linker) }));
    }
}

unsafe fn linker_mut<'a>(linker: *mut Linker) -> Result<&'a mut Linker, Failure> {
    unsafe { linker.as_mut() }.ok_or_else(|| Failure::invalid("no linker"))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_linker_func(
    linker: *mut Linker,
    interface: Str,
    name: Str,
    text: Str,
    func: *const ffi::HostFunc,
) -> *mut CError {
    boundary(|| unsafe {
        let func = func
            .as_ref()
            .ok_or_else(|| Failure::invalid("no function"))?;
        linker_mut(linker)?.func(HostEntry {
            interface: interface.text(),
            name: name.text(),
            text: text.text(),
            func: *func,
        })
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_linker_resource(
    linker: *mut Linker,
    interface: Str,
    name: Str,
    env: *mut c_void,
    drop: Option<ResourceDrop>,
) -> *mut CError {
    boundary(|| unsafe {
        let (interface, name) = (interface.text(), name.text());
        let text = format!("{}#{name}", unversioned(&interface));
        linker_mut(linker)?.resource(HostResource {
            interface,
            name,
            text,
            env: Shared(env),
            drop,
        })
    })
}
