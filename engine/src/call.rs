//! Inline calls, and deadlines in epoch ticks.

use crate::error::{CError, Failure, boundary};
use crate::ffi::Call;
use crate::hooks::{Current, CurrentGuard, GuestArgs, GuestRet};
use crate::instance::{Instance, StoreData, deadline_passed, instance_mut};
use crate::pre::Export;
use wasmtime::component::{Func, TypedFunc};
use wasmtime::{Store, UpdateDeadline};

/// Far enough to be never reached, small enough not to overflow the epoch counter.
const NEVER: u64 = 1 << 60;

/// When the current call must end.
#[derive(Default)]
pub struct Deadline {
    /// On a fibre: the engine's tick count at which the call is stopped; until then it yields once
    /// a tick. None inline, where the epoch deadline itself is the end.
    fibre: Option<u64>,
}

impl Deadline {
    pub fn arm_inline(store: &mut Store<StoreData>, ticks: u64) {
        let ticks = if ticks == 0 { NEVER } else { ticks.min(NEVER) };
        store.data_mut().deadline.fibre = None;
        store.set_epoch_deadline(ticks);
    }

    /// Returns the tick at which the call is over.
    pub fn arm_fibre(store: &mut Store<StoreData>, ticks: u64) -> u64 {
        let data = store.data_mut();
        let end = match ticks {
            0 => u64::MAX,
            ticks => data.pre().engine.ticks().saturating_add(ticks),
        };
        data.deadline.fibre = Some(end);
        store.set_epoch_deadline(1);
        end
    }

    /// The epoch deadline was reached while the guest ran.
    pub fn reached(&self, now: u64) -> wasmtime::Result<UpdateDeadline> {
        match self.fibre {
            Some(end) if now < end => Ok(UpdateDeadline::Yield(1)),
            _ => deadline_passed(),
        }
    }
}

/// Calls `func` with the result type that fits; `$call` is `call` or `call_async`.
macro_rules! dispatch {
    ($export:expr, |$ret:ident| $body:expr) => {
        match ($export.flat_results, $export.result_handles) {
            (0, false) => {
                type $ret = GuestRet<0, false>;
                $body
            }
            (0, true) => {
                type $ret = GuestRet<0, true>;
                $body
            }
            (1, false) => {
                type $ret = GuestRet<1, false>;
                $body
            }
            (1, true) => {
                type $ret = GuestRet<1, true>;
                $body
            }
            (_, false) => {
                type $ret = GuestRet<2, false>;
                $body
            }
            (_, true) => {
                type $ret = GuestRet<2, true>;
                $body
            }
        }
    };
}
pub(crate) use dispatch;

/// The slots the engine fills for a parameter list: a spilled one has its address only.
pub fn slots(export: &Export) -> u32 {
    if export.flat_params > 16 {
        1
    } else {
        export.flat_params
    }
}

fn run(
    store: &mut Store<StoreData>,
    func: Func,
    export: &Export,
    args: GuestArgs,
) -> wasmtime::Result<()> {
    // Sound because berth_pre_export compared the export's type and flat counts.
    dispatch!(export, |Ret| unsafe {
        TypedFunc::<GuestArgs, Ret>::new_unchecked(func)
            .call(store, args)
            .map(|_| ())
    })
}

/// Marks an instance as busy; one that a panic leaves behind is dead.
pub struct InCall<'a> {
    pub instance: &'a mut Instance,
    pub returned: bool,
}

impl InCall<'_> {
    pub fn enter(instance: &mut Instance) -> InCall<'_> {
        instance.busy = true;
        InCall {
            instance,
            returned: false,
        }
    }
}

impl Drop for InCall<'_> {
    fn drop(&mut self) {
        self.instance.busy = false;
        self.instance.dead |= !self.returned;
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_call(
    instance: *mut Instance,
    export: *const Export,
    call: *mut Call,
) -> *mut CError {
    boundary(|| {
        let instance = unsafe { instance_mut(instance) }?;
        let (export, ticks) = match unsafe { (export.as_ref(), call.as_ref()) } {
            (Some(export), Some(call)) => (export, call.deadline_ticks),
            _ => return Err(Failure::invalid("no export or no call")),
        };
        instance.usable()?;
        Instance::inline_only(&instance.pre)?;
        let func = instance.func(export)?;
        Deadline::arm_inline(&mut instance.store, ticks);
        let data = instance.store.data_mut();
        data.limits.denied = None;
        let mut current = Current {
            call,
            data,
            wide: export.wide_result,
            fibre: false,
        };
        let args = GuestArgs {
            call,
            count: slots(export),
        };
        let result = {
            let mut in_call = InCall::enter(instance);
            let instance = &mut *in_call.instance;
            let _current = CurrentGuard::enter(&mut current);
            let _io = Instance::enter_io(&instance.pre)?;
            let result = run(&mut instance.store, func, export, args);
            in_call.returned = true;
            result
        };
        result.map_err(|error| instance.ended(error))
    })
}
