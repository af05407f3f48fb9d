//! Calls into a guest: what wasmtime lowers as arguments, and what it lifts as the result.

use super::handles::{Lifted, Source, lift_handles};
use super::lowering::with_lower_cx;
use super::{offset_in, opaque, start_of};
use crate::error::Failure;
use crate::ffi::{self, Value};
use crate::instance::StoreData;
use std::cell::Cell;
use std::mem::MaybeUninit;
use wasmtime::component::__internal::wasmtime_environ::component::InterfaceType;
use wasmtime::component::__internal::{LiftContext, LowerContext};
use wasmtime::component::{Lift, Lower};
use wasmtime::{Result, ValRaw};

/// A call and how many flat parameters it has: at most 16, a spilled list has one, its address.
pub struct Args {
    pub call: *mut ffi::Call,
    pub count: u32,
}

/// Flat parameters of a guest call, always in 16 slots: a shorter list leaves the rest unset. One
/// word, because wasmtime moves it several times; the `Args` live until the call has ended.
pub struct GuestArgs(pub *const Args);

unsafe impl Send for GuestArgs {}
unsafe impl Sync for GuestArgs {}

opaque!([] GuestArgs, 16);

unsafe impl Lower for GuestArgs {
    #[inline(always)]
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<[ValRaw; 16]>,
    ) -> Result<()> {
        let args = unsafe { &*self.0 };
        // The caller keeps the call alive until it has ended.
        let call = unsafe { &mut *args.call };
        let slots = dst.as_mut_ptr().cast::<ValRaw>();
        let set = |i: usize, bits: u64| unsafe { slots.add(i).write(ValRaw::u64(bits)) };
        // One list or string alone, the most frequent form: nothing is stored to be read again.
        if call.block_count == 1 && args.count == 2 && call.lower.is_none() {
            let address = place(cx, unsafe { &*call.blocks })?;
            set(0, address as u64);
            set(1, call.args[1].lo);
            return Ok(());
        }
        for i in 0..call.block_count {
            let block = unsafe { &*call.blocks.add(i) };
            let address = place(cx, block)?;
            call.args[block.slot as usize].lo = address as u64;
        }
        if call.lower.is_some() {
            lower_by_callback(cx, ty, call)?;
        }
        // Most lists are short, and a loop costs more than they do.
        match args.count {
            0 => {}
            1 => set(0, call.args[0].lo),
            2 => {
                set(0, call.args[0].lo);
                set(1, call.args[1].lo);
            }
            count => (0..call.args.len().min(count as usize)).for_each(|i| set(i, call.args[i].lo)),
        }
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        _: InterfaceType,
        _: usize,
    ) -> Result<()> {
        Err(wasmtime::Error::msg(
            "sixteen slots are never spilled by the engine",
        ))
    }
}

/// Out of line, so that calls without it do not pay for its stack frame.
#[inline(never)]
fn lower_by_callback<T: 'static>(
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
    call: &mut ffi::Call,
) -> Result<()> {
    let Some(lower) = call.lower else {
        return Ok(());
    };
    let (ctx, values) = (call.ctx, call.args.as_mut_ptr());
    with_lower_cx(cx, ty, |handle| unsafe { lower(ctx, handle, values) })
}

/// Copies a block into the guest. A function with a list among its parameters has a memory and a
/// realloc: validation of `canon lift` saw to it.
#[inline]
fn place<T>(cx: &mut LowerContext<'_, T>, block: &ffi::Block) -> Result<usize> {
    let address = cx.realloc(0, 0, block.align, block.len)?;
    if block.len > 0 {
        let bytes = unsafe { std::slice::from_raw_parts(block.data, block.len) };
        cx.as_slice_mut()[address..address + block.len].copy_from_slice(bytes);
    }
    Ok(address)
}

/// The call whose result is being lifted on this thread: wasmtime's lift hook has no environment.
pub struct Current {
    pub call: *mut ffi::Call,
    pub data: *mut StoreData,
    /// The thread is on a fibre's stack while this is current.
    pub fibre: bool,
}

thread_local! {
    static CURRENT: Cell<*mut Current> = const { Cell::new(std::ptr::null_mut()) };
}

/// Makes `current` the thread's call until dropped; nests.
pub struct CurrentGuard(*mut Current);

impl CurrentGuard {
    pub fn enter(current: *mut Current) -> CurrentGuard {
        CurrentGuard(CURRENT.replace(current))
    }

    /// A guest that ran inline on a fibre would take its full stack again from what is left of the
    /// fibre's, and run over the end.
    pub fn not_on_fibre() -> std::result::Result<(), Failure> {
        let current = unsafe { CURRENT.get().as_ref() };
        if current.is_some_and(|current| current.fibre) {
            return Err(Failure::invalid(
                "an inline call from a host function that runs on a fibre; use the *_start functions",
            ));
        }
        Ok(())
    }
}

impl Drop for CurrentGuard {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Never inlined: a fibre may resume on another thread, and the compiler may keep the address of a
/// thread local across a suspension inside one function.
#[inline(never)]
fn current() -> *mut Current {
    CURRENT.get()
}

/// What is left in `berth_call_t.result` of a result that no callback has taken.
pub trait GuestResult {
    fn flat(self) -> u64;
}

/// The result of a guest call that C++ can read without memory and handles: none (R = 0), or a core
/// value of four bytes, or of eight with WIDE.
pub struct FlatRet<const R: usize, const WIDE: bool>(u64);

opaque!([const R: usize, const WIDE: bool] FlatRet<R, WIDE>, R);

impl<const R: usize, const WIDE: bool> GuestResult for FlatRet<R, WIDE> {
    fn flat(self) -> u64 {
        self.0
    }
}

unsafe impl<const R: usize, const WIDE: bool> Lift for FlatRet<R, WIDE> {
    #[inline]
    fn linear_lift_from_flat(
        _: &mut LiftContext<'_>,
        _: InterfaceType,
        src: &[ValRaw; R],
    ) -> Result<Self> {
        // As wide as it was stored: a wider read would wait for the store.
        let bits = match (src.first(), WIDE) {
            (None, _) => 0,
            (Some(raw), true) => raw.get_u64(),
            (Some(raw), false) => u64::from(raw.get_u32()),
        };
        Ok(FlatRet(bits))
    }

    fn linear_lift_from_memory(
        _: &mut LiftContext<'_>,
        _: InterfaceType,
        _: &[u8],
    ) -> Result<Self> {
        Err(wasmtime::Error::msg("a flat result is never in memory"))
    }
}

/// The result of a guest call that `berth_call_t.lift` takes: R = 0 none, 1 a flat value, 2 in
/// memory. With H it has handles.
pub struct LiftedRet<const R: usize, const H: bool>;

opaque!([const R: usize, const H: bool] LiftedRet<R, H>, R);

impl<const R: usize, const H: bool> GuestResult for LiftedRet<R, H> {
    fn flat(self) -> u64 {
        0
    }
}

unsafe impl<const R: usize, const H: bool> Lift for LiftedRet<R, H> {
    #[inline]
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &[ValRaw; R],
    ) -> Result<Self> {
        let result = src.as_ptr().cast();
        if H {
            let handles = lift_handles(cx, ty, Source::Flat(src))?;
            give_result_with(cx, result, &handles)?;
        } else {
            give_result(cx, result, |_| Vec::new())?;
        }
        Ok(LiftedRet)
    }

    #[inline]
    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> Result<Self> {
        let addr = offset_in(cx.memory(), bytes);
        let result = Value {
            lo: u64::from(addr),
            hi: 0,
        };
        if H {
            let handles = lift_handles(cx, ty, Source::Memory(addr))?;
            give_result_with(cx, &result, &handles)?;
        } else {
            give_result(cx, &result, |_| Vec::new())?;
        }
        Ok(LiftedRet)
    }
}

fn give_result_with(cx: &LiftContext<'_>, result: *const Value, handles: &[Lifted]) -> Result<()> {
    give_result(cx, result, |data| data.take_handles(handles))
}

/// Hands the result to C++ before post-return runs.
#[inline]
fn give_result(
    cx: &LiftContext<'_>,
    result: *const Value,
    handles: impl FnOnce(&mut StoreData) -> Vec<u32>,
) -> Result<()> {
    let current = unsafe { &mut *current() };
    let call = unsafe { &mut *current.call };
    let Some(lift) = call.lift else {
        return Ok(());
    };
    let memory = cx.memory();
    // LiftContext borrows the store, but never its data.
    let handles = handles(unsafe { &mut *current.data });
    let error = unsafe {
        lift(
            call.ctx,
            result,
            start_of(memory),
            memory.len(),
            handles.as_ptr(),
            handles.len(),
        )
    };
    match unsafe { Failure::from_c(error) } {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}
