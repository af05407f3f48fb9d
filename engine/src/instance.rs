//! Instances: the store, what it carries, and their life.

use crate::call::{Deadline, InCall};
use crate::error::{CError, Code, Failure, boundary, caught_or, from_guest};
use crate::ffi::InstanceConfig;
use crate::hooks::{CurrentGuard, Lifted};
use crate::limits::Limits;
use crate::pre::{Export, Pre};
use crate::wasi::Wasi;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::Arc;
use wasmtime::component::{Func, ResourceAny};
use wasmtime::{Store, UpdateDeadline};

/// The data of a store. Small: it is made for each instance.
pub struct StoreData {
    pub user: *mut c_void,
    /// Kept alive by the instance.
    pre: *const Pre,
    pub deadline: Deadline,
    pub limits: Limits,
    /// Host resources (id, rep) the guest owns now, and how many handles of each: their drop
    /// callbacks run when the instance ends.
    live: BTreeMap<(u32, u32), u32>,
    /// Resources of the guest that C++ owns; the position is the id.
    guests: Vec<Option<ResourceAny>>,
    /// Present exactly when the component imports WASI.
    pub wasi: Option<Box<Wasi>>,
}

// `user` belongs to C++, whose contract is one thread at a time; `pre` is immutable.
unsafe impl Send for StoreData {}
unsafe impl Sync for StoreData {}

impl StoreData {
    /// The lifetime is not that of `self`, so that a caller may use both.
    pub fn pre<'a>(&self) -> &'a Pre {
        unsafe { &*self.pre }
    }

    /// The guest now owns a host resource.
    pub fn given_away(&mut self, id: u32, rep: u32) {
        *self.live.entry((id, rep)).or_insert(0) += 1;
    }

    /// The guest has dropped it or passed it back.
    pub fn taken_back(&mut self, id: u32, rep: u32) {
        if let Some(count) = self.live.get_mut(&(id, rep)) {
            *count -= 1;
            if *count == 0 {
                self.live.remove(&(id, rep));
            }
        }
    }

    /// What C++ sees of lifted handles: a rep, or an id for a resource of the guest.
    pub fn take_handles(&mut self, handles: &[Lifted]) -> Vec<u32> {
        let pre = self.pre();
        handles
            .iter()
            .map(|handle| match *handle {
                Lifted::Host(ref ty, rep, owned) => {
                    if owned && let Some(id) = pre.resource_id(ty) {
                        self.taken_back(id, rep);
                    }
                    rep
                }
                Lifted::Guest(resource) => {
                    let free = self.guests.iter().position(Option::is_none);
                    let id = free.unwrap_or_else(|| {
                        self.guests.push(None);
                        self.guests.len() - 1
                    });
                    self.guests[id] = Some(resource);
                    id as u32
                }
            })
            .collect()
    }

    pub fn guest_resource(&self, id: u32) -> wasmtime::Result<ResourceAny> {
        let resource = self.guests.get(id as usize).copied().flatten();
        resource.ok_or_else(|| Failure::invalid(format!("no guest resource with id {id}")).into())
    }

    pub fn forget_guest_resource(&mut self, id: u32) {
        if let Some(slot) = self.guests.get_mut(id as usize) {
            *slot = None;
        }
    }
}

/// What `berth_instance_t` points to.
pub struct Instance {
    pub store: Store<StoreData>,
    /// None until instantiation has succeeded.
    pub handle: Option<wasmtime::component::Instance>,
    pub funcs: Funcs,
    pub pre: Arc<Pre>,
    pub dead: bool,
    /// A call or a task is using the store.
    pub busy: bool,
}

/// Exported functions by `Export::index`, looked up on first use.
pub struct Funcs(Vec<Option<Func>>);

impl Funcs {
    /// `index` comes from `Instance::func`.
    #[inline(always)]
    pub fn at(&self, index: usize) -> &Func {
        self.0[index].as_ref().expect("looked up before")
    }
}

impl Instance {
    /// # Safety
    /// Each is NULL, which is refused, or valid during the call.
    pub unsafe fn new(
        pre: *const Pre,
        config: *const InstanceConfig,
    ) -> Result<Box<Instance>, Failure> {
        let config = unsafe { config.as_ref() }.ok_or_else(|| Failure::invalid("no config"))?;
        if pre.is_null() {
            return Err(Failure::invalid("no pre"));
        }
        let pre = unsafe {
            Arc::increment_strong_count(pre);
            Arc::from_raw(pre)
        };
        let _io = Instance::enter_io(&pre)?;
        let engine = &pre.engine;
        let data = StoreData {
            user: config.user,
            pre: Arc::as_ptr(&pre),
            deadline: Deadline::default(),
            limits: Limits::new(
                config.max_memory_bytes,
                config.max_table_elements,
                config.max_core_instances,
                engine,
            ),
            live: BTreeMap::new(),
            guests: Vec::new(),
            wasi: match pre.uses_wasi {
                true => Some(unsafe { Wasi::new(config.wasi, config.user) }?),
                false => None,
            },
        };
        let mut store = Store::new(&engine.wt, data);
        store.limiter(|data| &mut data.limits);
        store.epoch_deadline_callback(|store| {
            let data = store.data();
            data.deadline.reached(data.pre().engine.ticks())
        });
        Ok(Box::new(Instance {
            store,
            handle: None,
            funcs: Funcs(Vec::new()),
            pre,
            dead: false,
            busy: false,
        }))
    }

    /// Fails unless the instance can be entered now.
    pub fn usable(&self) -> Result<(), Failure> {
        if self.dead {
            return Err(Failure::invalid("instance is dead after a trap"));
        }
        if self.busy {
            return Err(Failure::invalid("instance is in another call"));
        }
        Ok(())
    }

    /// The position of an export's function in `funcs`.
    #[inline]
    pub fn func(&mut self, export: &Export) -> Result<usize, Failure> {
        if !std::ptr::eq(export.pre, Arc::as_ptr(&self.pre)) {
            return Err(Failure::invalid("the export belongs to another component"));
        }
        match self.funcs.0.get(export.index) {
            Some(Some(_)) => Ok(export.index),
            _ => self.find_func(export),
        }
    }

    #[cold]
    fn find_func(&mut self, export: &Export) -> Result<usize, Failure> {
        let handle = self
            .handle
            .ok_or_else(|| Failure::invalid("not instantiated"))?;
        let func = handle
            .get_func(&mut self.store, export.target)
            .ok_or_else(|| Failure::invalid("the export is not a function"))?;
        let funcs = &mut self.funcs.0;
        if funcs.len() <= export.index {
            funcs.resize(export.index + 1, None);
        }
        funcs[export.index] = Some(func);
        Ok(export.index)
    }

    /// Turns the end of a call or instantiation into a failure and marks the instance as dead.
    pub fn ended(&mut self, error: wasmtime::Error) -> Failure {
        self.dead = true;
        let denied = self.store.data().limits.denied.as_ref().map(|d| d.text());
        from_guest(error, denied.as_deref())
    }

    /// Makes the engine's I/O runtime the current one, which WASI needs for whatever it starts.
    #[inline]
    pub fn enter_io(pre: &Pre) -> Result<Option<tokio::runtime::EnterGuard<'_>>, Failure> {
        if !pre.uses_wasi {
            return Ok(None);
        }
        Ok(Some(pre.engine.runtime()?.enter()))
    }

    /// Whether a guest may run on the caller's own stack.
    pub fn inline_only(pre: &Pre) -> Result<(), Failure> {
        if pre.is_async {
            return Err(Failure::invalid(
                "the component imports functions that suspend; use the *_start functions",
            ));
        }
        CurrentGuard::not_on_fibre()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let data = self.store.data_mut();
        let (user, pre) = (data.user, data.pre());
        let _io = Instance::enter_io(pre);
        data.wasi = None;
        for ((id, rep), count) in std::mem::take(&mut data.live) {
            let resource = &pre.resources[id as usize];
            if let Some(drop) = resource.drop {
                for _ in 0..count {
                    unsafe { drop(resource.env.0, user, rep) };
                }
            }
        }
    }
}

/// Called by the epoch callback: see [`Deadline`].
pub fn deadline_passed() -> wasmtime::Result<UpdateDeadline> {
    Err(Failure::new(Code::LimitTime, "the call's deadline passed").into())
}

pub unsafe fn instance_mut<'a>(instance: *mut Instance) -> Result<&'a mut Instance, Failure> {
    unsafe { instance.as_mut() }.ok_or_else(|| Failure::invalid("no instance"))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_instance_new(
    pre: *const Pre,
    config: *const InstanceConfig,
    deadline_ticks: u64,
    out: *mut *mut Instance,
) -> *mut CError {
    boundary(|| {
        let mut instance = unsafe { Instance::new(pre, config) }?;
        Instance::inline_only(&instance.pre)?;
        Deadline::arm_inline(&mut instance.store, deadline_ticks);
        let Instance { store, pre, .. } = &mut *instance;
        let _io = Instance::enter_io(pre)?;
        match pre.wt.instantiate(store) {
            Ok(handle) => instance.handle = Some(handle),
            Err(error) => return Err(instance.ended(error)),
        }
        unsafe { *out = Box::into_raw(instance) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_instance_free(instance: *mut Instance) {
    if !instance.is_null() {
        caught_or((), || drop(unsafe { Box::from_raw(instance) }));
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_instance_memory(instance: *const Instance) -> u64 {
    unsafe { instance.as_ref() }.map_or(0, |i| i.store.data().limits.memory_bytes)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_instance_is_dead(instance: *const Instance) -> bool {
    unsafe { instance.as_ref() }.is_none_or(|i| i.dead)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_resource_drop(instance: *mut Instance, id: u32) -> *mut CError {
    boundary(|| {
        let instance = unsafe { instance_mut(instance) }?;
        instance.usable()?;
        CurrentGuard::not_on_fibre()?;
        let not_found = || Failure::invalid(format!("no guest resource with id {id}"));
        let resource = instance
            .store
            .data()
            .guest_resource(id)
            .map_err(|_| not_found())?;
        instance.store.data_mut().forget_guest_resource(id);
        let dropped = {
            let mut in_call = InCall::enter(instance);
            let result = drop_resource(in_call.instance, resource);
            in_call.returned = true;
            result
        };
        dropped.map_err(|error| instance.ended(error))
    })
}

/// Ticks a destructor may run: it has no deadline of its own.
const DESTRUCTOR_TICKS: u64 = 100;

fn drop_resource(instance: &mut Instance, resource: ResourceAny) -> wasmtime::Result<()> {
    let pre = instance.pre.clone();
    let _io = Instance::enter_io(&pre)?;
    Deadline::arm_inline(&mut instance.store, DESTRUCTOR_TICKS);
    if !instance.pre.is_async {
        return resource.resource_drop(&mut instance.store);
    }
    // On a fibre, but polled once: a destructor that waits for the host is refused.
    let mut future = std::pin::pin!(resource.resource_drop_async(&mut instance.store));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => {
            Err(Failure::new(Code::Host, "the destructor waits for a host function").into())
        }
    }
}
