//! Host functions: what wasmtime lifts of a call from the guest, and what it lowers back.

use super::handles::{Lifted, Source, lift_handles};
use super::lowering::with_lower_cx;
use super::{offset_in, opaque, start_of};
use crate::ffi::{self, Value};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use wasmtime::component::__internal::wasmtime_environ::component::InterfaceType;
use wasmtime::component::__internal::{LiftContext, LowerContext};
use wasmtime::component::{Lift, Lower};
use wasmtime::{Result, ValRaw};

/// The parameters of one call from the guest: N flat values, or none when they are spilled. With H
/// the handles in them are lifted too.
pub struct RawParams<const N: usize, const H: bool> {
    /// Where wasmtime keeps the N values until the host function has answered. Not copied: compiled
    /// code stores an i32 in four bytes, and a wider read of it so soon after would wait for the store.
    pub args: *const Value,
    pub spilled: u32,
    /// NULL when the function has no memory.
    pub memory: *const u8,
    pub memory_len: usize,
    /// None without H. Boxed, so that the common case moves one word.
    pub handles: Option<Box<Vec<Lifted>>>,
}

// The pointers are only used before the guest can run again, on the thread that lifted them.
unsafe impl<const N: usize, const H: bool> Send for RawParams<N, H> {}
unsafe impl<const N: usize, const H: bool> Sync for RawParams<N, H> {}

opaque!([const N: usize, const H: bool] RawParams<N, H>, N);

impl<const N: usize, const H: bool> RawParams<N, H> {
    #[inline(always)]
    fn lift(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        args: *const ValRaw,
        spilled: u32,
        source: Source,
    ) -> Result<Self> {
        let handles = if H {
            Some(Box::new(lift_handles(cx, ty, source)?))
        } else {
            None
        };
        let memory = cx.memory();
        Ok(RawParams {
            args: args.cast(),
            spilled,
            memory: start_of(memory),
            memory_len: memory.len(),
            handles,
        })
    }
}

unsafe impl<const N: usize, const H: bool> Lift for RawParams<N, H> {
    #[inline]
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &[ValRaw; N],
    ) -> Result<Self> {
        Self::lift(cx, ty, src.as_ptr(), 0, Source::Flat(src))
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> Result<Self> {
        let spilled = offset_in(cx.memory(), bytes);
        Self::lift(cx, ty, std::ptr::null(), spilled, Source::Memory(spilled))
    }
}

/// Releases the callee's state exactly once, however the call ends.
pub struct Op {
    pub op: *mut c_void,
    pub user: *mut c_void,
    pub func: *const ffi::HostFunc,
}

unsafe impl Send for Op {}
unsafe impl Sync for Op {}

impl Drop for Op {
    fn drop(&mut self) {
        // The linker that owns the description outlives every instance and so every call.
        let func = unsafe { &*self.func };
        if let (false, Some(drop)) = (self.op.is_null(), func.drop) {
            unsafe { drop(func.env, self.user, self.op) };
        }
    }
}

/// The result of one call from the guest: R = 1 a flat value, R = 0 none or one in memory.
pub struct RawRet<const R: usize> {
    pub op: Op,
    pub result: Value,
}

unsafe impl<const R: usize> Send for RawRet<R> {}
unsafe impl<const R: usize> Sync for RawRet<R> {}

opaque!([const R: usize] RawRet<R>, R);

impl<const R: usize> RawRet<R> {
    fn lower<T: 'static>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        flat: &mut Value,
        addr: u32,
    ) -> Result<()> {
        let func = unsafe { &*self.op.func };
        match func.lower {
            None => *flat = self.result,
            Some(lower) => with_lower_cx(cx, ty, |handle| unsafe {
                lower(func.env, self.op.user, self.op.op, handle, flat, addr)
            })?,
        }
        Ok(())
    }
}

unsafe impl<const R: usize> Lower for RawRet<R> {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<[ValRaw; R]>,
    ) -> Result<()> {
        let mut flat = Value::default();
        if R > 0 {
            self.lower(cx, ty, &mut flat, 0)?;
        }
        dst.write([ValRaw::u64(flat.lo); R]);
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        let mut unused = Value::default();
        self.lower(cx, ty, &mut unused, u32::try_from(offset)?)
    }
}

/// The result of a call that C answered at once: a flat value (R = 1) or none. Kept apart from
/// [`RawRet`] because it moves in a register.
pub struct DirectRet<const R: usize>(pub u64);

opaque!([const R: usize] DirectRet<R>, R);

unsafe impl<const R: usize> Lower for DirectRet<R> {
    #[inline]
    fn linear_lower_to_flat<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        _: InterfaceType,
        dst: &mut MaybeUninit<[ValRaw; R]>,
    ) -> Result<()> {
        dst.write([ValRaw::u64(self.0); R]);
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        _: InterfaceType,
        _: usize,
    ) -> Result<()> {
        Err(wasmtime::Error::msg("a direct result is never in memory"))
    }
}
