//! Tasks: the fibre paths, driven by polls from C++.

use crate::call::{Deadline, dispatch, result_kind, slots, typed};
use crate::error::{CError, Code, Failure, boundary, caught, caught_or};
use crate::ffi::{Bytes, Call, InstanceConfig, Str, Wake};
use crate::hooks::{Args, Current, CurrentGuard, GuestArgs, GuestResult};
use crate::instance::{Instance, instance_mut};
use crate::invoke::{self, Invocation};
use crate::pre::{Export, Pre};
use std::ffi::c_void;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use wasmtime::component::Val;

/// Calls C++'s wake. The lock makes sure none runs once the task is freed.
struct WakeTarget {
    wake: Wake,
    ctx: Mutex<Option<*mut c_void>>,
}

// The contract of berth_wake_t: any thread.
unsafe impl Send for WakeTarget {}
unsafe impl Sync for WakeTarget {}

impl WakeTarget {
    fn ctx(&self) -> std::sync::MutexGuard<'_, Option<*mut c_void>> {
        self.ctx.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::task::Wake for WakeTarget {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(ctx) = *self.ctx() {
            unsafe { (self.wake)(ctx) };
        }
    }
}

type Work = Pin<Box<dyn Future<Output = wasmtime::Result<()>>>>;

/// What `berth_task_t` points to.
pub struct Task {
    /// None once finished. Borrows `*instance`, so it is dropped before that.
    work: Option<Work>,
    target: Arc<WakeTarget>,
    waker: Waker,
    instance: *mut Instance,
    pre: Arc<Pre>,
    /// An instance that is being made belongs to the task until it is done.
    making: Option<*mut *mut Instance>,
    current: Current,
    /// Engine tick at which a task that only waits is over, too.
    end: u64,
}

impl Task {
    fn new(
        instance: *mut Instance,
        end: u64,
        wake: Option<Wake>,
        wake_ctx: *mut c_void,
        current: Current,
        work: Work,
    ) -> Result<Box<Task>, Failure> {
        let wake = wake.ok_or_else(|| Failure::invalid("no wake callback"))?;
        let target = Arc::new(WakeTarget {
            wake,
            ctx: Mutex::new(Some(wake_ctx)),
        });
        let used = unsafe { &mut *instance };
        used.busy = true;
        Ok(Box::new(Task {
            work: Some(work),
            waker: Waker::from(target.clone()),
            target,
            instance,
            pre: used.pre.clone(),
            making: None,
            current,
            end,
        }))
    }

    /// None while unfinished.
    fn poll(&mut self) -> Option<Result<(), Failure>> {
        let work = self.work.as_mut()?;
        let mut cx = Context::from_waker(&self.waker);
        let polled = {
            let _current = CurrentGuard::enter(&mut self.current);
            let _io = Instance::enter_io(&self.pre);
            caught(|| Ok(work.as_mut().poll(&mut cx)))
        };
        let outcome = match polled {
            Ok(Poll::Pending) => {
                if self.pre.engine.ticks() < self.end {
                    return None;
                }
                self.stop();
                Err(Failure::new(Code::LimitTime, "the call's deadline passed"))
            }
            Ok(Poll::Ready(result)) => {
                self.stop();
                let instance = unsafe { &mut *self.instance };
                result.map_err(|error| instance.ended(error))
            }
            Err(panic) => {
                self.stop();
                Err(panic)
            }
        };
        let instance = unsafe { &mut *self.instance };
        instance.busy = false;
        if outcome.is_err() {
            instance.dead = true;
        }
        if let Some(out) = self.making.take() {
            if outcome.is_ok() {
                unsafe { *out = self.instance };
            } else {
                caught_or((), || drop(unsafe { Box::from_raw(self.instance) }));
            }
        }
        Some(outcome)
    }

    /// Drops the future; an unfinished one unwinds its fibre and cancels what it waits for.
    fn stop(&mut self) {
        let work = self.work.take();
        let _current = CurrentGuard::enter(&mut self.current);
        let _io = Instance::enter_io(&self.pre);
        caught_or((), || drop(work));
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // First no more wakes, which waits for one in progress.
        *self.target.ctx() = None;
        if self.work.is_none() {
            return;
        }
        self.stop();
        let instance = unsafe { &mut *self.instance };
        instance.busy = false;
        instance.dead = true;
        if self.making.take().is_some() {
            caught_or((), || drop(unsafe { Box::from_raw(self.instance) }));
        }
    }
}

/// For tasks without a raw call.
fn no_call() -> Current {
    Current {
        call: std::ptr::null_mut(),
        data: std::ptr::null_mut(),
        fibre: true,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_instance_start(
    pre: *const Pre,
    config: *const InstanceConfig,
    deadline_ticks: u64,
    out: *mut *mut Instance,
    wake: Option<Wake>,
    wake_ctx: *mut c_void,
    task: *mut *mut Task,
) -> *mut CError {
    boundary(|| {
        let mut made = Instance::new(pre, config)?;
        let end = Deadline::arm_fibre(&mut made.store, deadline_ticks);
        let instance = Box::into_raw(made);
        let work: Work = Box::pin(async move {
            // The task keeps the instance alive and unused by others until this has ended.
            let Instance {
                store, pre, handle, ..
            } = unsafe { &mut *instance };
            *handle = Some(pre.wt.instantiate_async(store).await?);
            Ok(())
        });
        match Task::new(instance, end, wake, wake_ctx, no_call(), work) {
            Ok(mut made) => {
                made.making = Some(out);
                unsafe { *task = Box::into_raw(made) };
                Ok(())
            }
            Err(failure) => {
                drop(unsafe { Box::from_raw(instance) });
                Err(failure)
            }
        }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_call_start(
    instance: *mut Instance,
    export: *const Export,
    call: *mut Call,
    wake: Option<Wake>,
    wake_ctx: *mut c_void,
    task: *mut *mut Task,
) -> *mut CError {
    boundary(|| {
        let used = unsafe { instance_mut(instance) }?;
        let (export, ticks) = match unsafe { (export.as_ref(), call.as_ref()) } {
            (Some(export), Some(call)) => (export, call.deadline_ticks),
            _ => return Err(Failure::invalid("no export or no call")),
        };
        used.usable()?;
        let index = used.func(export)?;
        let end = Deadline::arm_fibre(&mut used.store, ticks);
        let data = used.store.data_mut();
        data.limits.denied = None;
        let current = Current {
            call,
            data,
            fibre: true,
        };
        let args = Args {
            call,
            count: slots(export),
        };
        // Sound because berth_pre_export compared the export's type and flat counts.
        let work: Work = dispatch!(export, result_kind(export, unsafe { &*call }), |Ret| {
            Box::pin(async move {
                // The task keeps the instance and the call alive, and unused by others, until this has
                // ended. The future is pinned, so the address of `args` is good as long.
                let Instance { store, funcs, .. } = unsafe { &mut *instance };
                let func = unsafe { typed::<Ret>(funcs.at(index)) };
                let result = func.call_async(store, GuestArgs(&args)).await?;
                unsafe { (*call).result.lo = result.flat() };
                Ok(())
            })
        });
        let made = Task::new(instance, end, wake, wake_ctx, current, work)?;
        unsafe { *task = Box::into_raw(made) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_invoke_start(
    instance: *mut Instance,
    text: Str,
    deadline_ticks: u64,
    out: *mut Bytes,
    wake: Option<Wake>,
    wake_ctx: *mut c_void,
    task: *mut *mut Task,
) -> *mut CError {
    boundary(|| {
        let used = unsafe { instance_mut(instance) }?;
        used.usable()?;
        let handle = used
            .handle
            .ok_or_else(|| Failure::invalid("not instantiated"))?;
        let text = unsafe { text.text() };
        let (target, invocation) = Invocation::parse(&used.pre, &text)?;
        let func = handle
            .get_func(&mut used.store, target)
            .ok_or_else(|| Failure::invalid("the export is not a function"))?;
        let params = invocation.params(&func.ty(&used.store))?;
        let end = Deadline::arm_fibre(&mut used.store, deadline_ticks);
        used.store.data_mut().limits.denied = None;
        let work: Work = Box::pin(async move {
            let store = unsafe { &mut (*instance).store };
            let mut results = vec![Val::Bool(false); func.ty(&*store).results().len()];
            func.call_async(store, &params, &mut results).await?;
            unsafe { out.write(Bytes::from_vec(invoke::text(&results)?.into_bytes())) };
            Ok(())
        });
        let made = Task::new(instance, end, wake, wake_ctx, no_call(), work)?;
        unsafe { *task = Box::into_raw(made) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_task_poll(task: *mut Task, error: *mut *mut CError) -> bool {
    let Some(task) = (unsafe { task.as_mut() }) else {
        return true;
    };
    let (done, outcome) = match caught(|| Ok(task.poll())) {
        Ok(None) => (task.work.is_none(), Ok(())),
        Ok(Some(outcome)) => (true, outcome),
        Err(panic) => (true, Err(panic)),
    };
    if !error.is_null() {
        let failure = outcome.err().map_or(std::ptr::null_mut(), Failure::into_c);
        unsafe { *error = failure };
    }
    done
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_task_free(task: *mut Task) {
    if !task.is_null() {
        caught_or((), || drop(unsafe { Box::from_raw(task) }));
    }
}
