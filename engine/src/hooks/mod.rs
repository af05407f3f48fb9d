//! The raw canonical ABI boundary: own parameter and result types whose lift and lower hooks call C.
//!
//! Every use of wasmtime's internals (`component::__internal`) is in this folder; the version is
//! pinned exactly, and `tests/*_test.cc` has a test per hook.

mod exports;
mod handles;
mod imports;
mod lowering;

pub use exports::{Args, Current, CurrentGuard, FlatRet, GuestArgs, GuestResult, LiftedRet};
pub use handles::Lifted;
pub use imports::{DirectRet, Op, RawParams, RawRet};

use crate::ffi::Value;
use wasmtime::ValRaw;
use wasmtime::component::__internal::wasmtime_environ::component::CanonicalAbiInfo;

/// Size 0 and alignment 1: C++ checks the alignment and bounds of what it reads itself, and the
/// slice wasmtime hands to `linear_lift_from_memory` then only carries the address.
const OPAQUE_ABI: CanonicalAbiInfo = CanonicalAbiInfo {
    size32: 0,
    align32: 1,
    size64: 0,
    align64: 1,
    flat_count: None,
};

/// A parameter or result list of `$count` flat values that wasmtime does not look into.
macro_rules! opaque {
    ([$($generics:tt)*] $ty:ty, $count:expr) => {
        unsafe impl<$($generics)*> wasmtime::component::ComponentType for $ty {
            type Lower = [wasmtime::ValRaw; $count];
            const ABI: wasmtime::component::__internal::wasmtime_environ::component::CanonicalAbiInfo =
                super::OPAQUE_ABI;

            /// `berth_pre_new` and `berth_pre_export` have compared the types.
            fn typecheck(
                _: &wasmtime::component::__internal::wasmtime_environ::component::InterfaceType,
                _: &wasmtime::component::__internal::InstanceType<'_>,
            ) -> wasmtime::Result<()> {
                Ok(())
            }
        }

        unsafe impl<$($generics)*> wasmtime::component::ComponentNamedList for $ty {}
    };
}
use opaque;

// C reads wasmtime's own storage of core values.
const _: () = assert!(size_of::<Value>() == size_of::<ValRaw>());
const _: () = assert!(align_of::<Value>() == align_of::<ValRaw>());

/// Where in `memory` the (empty) slice lies. Memories have at most 4 GiB, so the end of one is the
/// only address that does not fit; nothing can be read there.
fn offset_in(memory: &[u8], part: &[u8]) -> u32 {
    let offset = part.as_ptr() as usize - memory.as_ptr() as usize;
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// NULL for a function without memory.
fn start_of(memory: &[u8]) -> *const u8 {
    if memory.is_empty() {
        std::ptr::null()
    } else {
        memory.as_ptr()
    }
}
