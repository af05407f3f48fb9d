//! Inline calls, and deadlines in epoch ticks.

use crate::error::{CError, Failure, boundary};
use crate::ffi::Call;
use crate::hooks::{Args, Current, CurrentGuard, GuestArgs, GuestResult};
use crate::instance::{Instance, StoreData, deadline_passed, instance_mut};
use crate::pre::{Export, Pre};
use wasmtime::component::{ComponentNamedList, Func, Lift, TypedFunc};
use wasmtime::{Store, UpdateDeadline};

/// Far enough to be never reached, small enough not to overflow the epoch counter.
const NEVER: u64 = 1 << 60;

/// When the current call must end.
#[derive(Default)]
pub struct Deadline {
    /// On a fibre: the engine's tick count at which the call is stopped; until then it yields once
    /// a tick. None inline, where the epoch deadline itself is the end.
    fibre: Option<u64>,
    /// The epoch deadline is set to be never reached.
    never: bool,
}

impl Deadline {
    #[inline]
    pub fn arm_inline(store: &mut Store<StoreData>, ticks: u64) {
        let deadline = &mut store.data_mut().deadline;
        deadline.fibre = None;
        if ticks == 0 && deadline.never {
            return;
        }
        deadline.never = ticks == 0;
        store.set_epoch_deadline(if ticks == 0 { NEVER } else { ticks.min(NEVER) });
    }

    /// Returns the tick at which the call is over.
    pub fn arm_fibre(store: &mut Store<StoreData>, ticks: u64) -> u64 {
        let data = store.data_mut();
        let end = match ticks {
            0 => u64::MAX,
            ticks => data.pre().engine.ticks().saturating_add(ticks),
        };
        data.deadline.fibre = Some(end);
        data.deadline.never = false;
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

/// Names the result type that fits `$ret` in `$body`.
macro_rules! dispatch {
    ($export:expr, $kind:expr, |$ret:ident| $body:expr) => {
        match $kind {
            $crate::call::ResultKind::None => {
                type $ret = $crate::hooks::FlatRet<0, false>;
                $body
            }
            $crate::call::ResultKind::Flat32 => {
                type $ret = $crate::hooks::FlatRet<1, false>;
                $body
            }
            $crate::call::ResultKind::Flat64 => {
                type $ret = $crate::hooks::FlatRet<1, true>;
                $body
            }
            $crate::call::ResultKind::Lifted => {
                match ($export.flat_results, $export.result_handles) {
                    (0, false) => {
                        type $ret = $crate::hooks::LiftedRet<0, false>;
                        $body
                    }
                    (0, true) => {
                        type $ret = $crate::hooks::LiftedRet<0, true>;
                        $body
                    }
                    (1, false) => {
                        type $ret = $crate::hooks::LiftedRet<1, false>;
                        $body
                    }
                    (1, true) => {
                        type $ret = $crate::hooks::LiftedRet<1, true>;
                        $body
                    }
                    (_, false) => {
                        type $ret = $crate::hooks::LiftedRet<2, false>;
                        $body
                    }
                    (_, true) => {
                        type $ret = $crate::hooks::LiftedRet<2, true>;
                        $body
                    }
                }
            }
        }
    };
}
pub(crate) use dispatch;

/// Who reads the result of a call.
pub enum ResultKind {
    None,
    Flat32,
    Flat64,
    /// The callback of C++, while the guest still keeps what the result points to.
    Lifted,
}

#[inline]
pub fn result_kind(export: &Export, call: &Call) -> ResultKind {
    if call.lift.is_some() || export.flat_results > 1 || export.result_handles {
        return ResultKind::Lifted;
    }
    match (export.flat_results, export.wide_result) {
        (0, _) => ResultKind::None,
        (_, false) => ResultKind::Flat32,
        (_, true) => ResultKind::Flat64,
    }
}

/// The slots the engine fills for a parameter list: a spilled one has its address only.
pub fn slots(export: &Export) -> u32 {
    if export.flat_params > 16 {
        1
    } else {
        export.flat_params
    }
}

/// `func` as wasmtime's typed function, where it lies: wasmtime reads it in wide pieces, which would
/// wait for the stores of a copy.
///
/// # Safety
/// The function has the flat counts that `GuestArgs` and `Ret` are used with.
pub unsafe fn typed<Ret>(func: &Func) -> &TypedFunc<GuestArgs, Ret> {
    const { assert!(size_of::<TypedFunc<GuestArgs, Ret>>() == size_of::<Func>()) };
    const { assert!(align_of::<TypedFunc<GuestArgs, Ret>>() == align_of::<Func>()) };
    unsafe { &*std::ptr::from_ref(func).cast() }
}

/// A function for each kind of result: together they would share one stack frame and its registers.
///
/// # Safety
/// As [`typed`].
#[inline(never)]
unsafe fn run_typed<Ret: GuestResult + ComponentNamedList + Lift + 'static>(
    store: &mut Store<StoreData>,
    func: &Func,
    args: &Args,
) -> wasmtime::Result<()> {
    let result = unsafe { typed::<Ret>(func) }.call(store, GuestArgs(args))?;
    unsafe { &mut *args.call }.result.lo = result.flat();
    Ok(())
}

#[inline(always)]
fn run(
    store: &mut Store<StoreData>,
    func: &Func,
    export: &Export,
    call: *mut Call,
    kind: ResultKind,
) -> wasmtime::Result<()> {
    let args = Args {
        call,
        count: slots(export),
    };
    // Sound because berth_pre_export compared the export's type and flat counts.
    dispatch!(export, kind, |Ret| unsafe {
        run_typed::<Ret>(store, func, &args)
    })
}

/// The same where the guest may start I/O.
#[inline(never)]
fn run_with_io(
    pre: &Pre,
    store: &mut Store<StoreData>,
    func: &Func,
    export: &Export,
    call: *mut Call,
    kind: ResultKind,
) -> wasmtime::Result<()> {
    let _io = Instance::enter_io(pre)?;
    run(store, func, export, call, kind)
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
        let index = instance.func(export)?;
        Deadline::arm_inline(&mut instance.store, ticks);
        let data = instance.store.data_mut();
        data.limits.denied = None;
        let mut current = Current {
            call,
            data,
            fibre: false,
        };
        let result = {
            let mut in_call = InCall::enter(instance);
            let Instance {
                store, funcs, pre, ..
            } = &mut *in_call.instance;
            let kind = result_kind(export, unsafe { &*call });
            let _current = match kind {
                ResultKind::Lifted => Some(CurrentGuard::enter(&mut current)),
                _ => None,
            };
            let func = funcs.at(index);
            let result = if pre.uses_wasi {
                run_with_io(pre, store, func, export, call, kind)
            } else {
                run(store, func, export, call, kind)
            };
            in_call.returned = true;
            result
        };
        result.map_err(|error| instance.ended(error))
    })
}
