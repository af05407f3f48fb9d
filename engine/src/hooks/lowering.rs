//! Inside a lower callback: guest memory, realloc and handles, behind `berth_lower_cx_t`.

use super::handles::first_leaf;
use crate::error::Failure;
use crate::ffi::{LowerCx, Str};
use crate::instance::StoreData;
use std::any::Any;
use std::mem::MaybeUninit;
use wasmtime::component::__internal::LowerContext;
use wasmtime::component::__internal::wasmtime_environ::component::{
    CanonicalOptionsDataModel, InterfaceType, TypeResourceTableIndex,
};
use wasmtime::component::{Lower, ResourceType};
use wasmtime::{Result, ValRaw};

/// What `berth_lower_cx_t` points to: the context with wasmtime's store type erased.
pub struct LowerHandle<'a> {
    ops: &'a mut dyn LowerOps,
    /// Set by a failed realloc or handle: the callback must not report success afterwards.
    failed: Option<Failure>,
}

trait LowerOps {
    fn memory(&mut self) -> &mut [u8];
    fn realloc(&mut self, align: u32, size: u32) -> Result<u32>;
    fn handle(&mut self, name: &str, rep: u32, owned: bool) -> Result<u32>;
    fn denied(&mut self) -> Option<String>;
}

struct Ops<'a, 'b, T: 'static> {
    cx: &'a mut LowerContext<'b, T>,
    ty: InterfaceType,
    has_memory: bool,
    has_realloc: bool,
}

impl<T: 'static> Ops<'_, '_, T> {
    fn new<'a, 'b>(cx: &'a mut LowerContext<'b, T>, ty: InterfaceType) -> Ops<'a, 'b, T> {
        let (has_memory, has_realloc) = match &cx.options().data_model {
            CanonicalOptionsDataModel::Gc {} => (false, false),
            CanonicalOptionsDataModel::LinearMemory(m) => (m.memory.is_some(), m.realloc.is_some()),
        };
        Ops {
            cx,
            ty,
            has_memory,
            has_realloc,
        }
    }

    fn data(&mut self) -> Result<&mut StoreData> {
        let data: &mut dyn Any = self.cx.store.data_mut();
        data.downcast_mut()
            .ok_or_else(|| wasmtime::Error::msg("foreign store"))
    }

    /// The table of the function's own type that takes handles of `wanted`.
    fn table(&self, owned: bool, wanted: &[ResourceType]) -> Option<TypeResourceTableIndex> {
        first_leaf(self.cx.types, &self.ty, &mut |ty| match (ty, owned) {
            (InterfaceType::Own(table), true) | (InterfaceType::Borrow(table), false) => wanted
                .contains(&self.cx.resource_type(*table))
                .then_some(*table),
            _ => None,
        })
    }
}

impl<T: 'static> LowerOps for Ops<'_, '_, T> {
    fn memory(&mut self) -> &mut [u8] {
        if self.has_memory {
            self.cx.as_slice_mut()
        } else {
            &mut []
        }
    }

    fn realloc(&mut self, align: u32, size: u32) -> Result<u32> {
        if !align.is_power_of_two() {
            return Err(Failure::invalid(format!("realloc with alignment {align}")).into());
        }
        if !(self.has_memory && self.has_realloc) {
            return Err(Failure::invalid("this function has no realloc").into());
        }
        let address = self.cx.realloc(0, 0, align, size as usize)?;
        Ok(u32::try_from(address)?)
    }

    fn handle(&mut self, name: &str, rep: u32, owned: bool) -> Result<u32> {
        let pre = self.data()?.pre();
        let ids = pre.resource_ids(name);
        let missing = || {
            let kind = if owned { "own" } else { "borrow" };
            let text = format!("the function's type has no {kind}<{name}>");
            wasmtime::Error::from(Failure::invalid(text))
        };
        if !ids.is_empty() {
            let wanted: Vec<_> = ids
                .iter()
                .map(|id| ResourceType::host_dynamic(*id))
                .collect();
            let table = self.table(owned, &wanted).ok_or_else(missing)?;
            if !owned {
                return self.cx.guest_resource_lower_borrow(table, rep);
            }
            let ty = self.cx.resource_type(table);
            let handle = self.cx.guest_resource_lower_own(table, rep)?;
            let data = self.data()?;
            if let Some(id) = pre.resource_id(&ty) {
                data.given_away(id, rep);
            }
            return Ok(handle);
        }
        let resource = self.data()?.guest_resource(rep)?;
        let table = self.table(owned, &[resource.ty()]).ok_or_else(missing)?;
        let ty = if owned {
            InterfaceType::Own(table)
        } else {
            InterfaceType::Borrow(table)
        };
        let mut index = MaybeUninit::<ValRaw>::uninit();
        resource.linear_lower_to_flat(self.cx, ty, &mut index)?;
        if owned {
            self.data()?.forget_guest_resource(rep);
        }
        Ok(unsafe { index.assume_init() }.get_u32())
    }

    fn denied(&mut self) -> Option<String> {
        let data = self.data().ok()?;
        data.limits.denied.as_ref().map(|denied| denied.text())
    }
}

pub fn with_lower_cx<T: 'static>(
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
    call: impl FnOnce(*mut LowerCx) -> *mut crate::error::CError,
) -> Result<()> {
    let mut ops = Ops::new(cx, ty);
    let mut handle = LowerHandle {
        ops: &mut ops,
        failed: None,
    };
    let error = call((&raw mut handle).cast());
    match (unsafe { Failure::from_c(error) }, handle.failed.take()) {
        (Some(failure), _) | (None, Some(failure)) => Err(failure.into()),
        (None, None) => Ok(()),
    }
}

impl LowerHandle<'_> {
    /// Runs one operation; its error goes to C now, and ends the call even if C drops it.
    fn run(
        &mut self,
        op: impl FnOnce(&mut dyn LowerOps) -> Result<u32>,
    ) -> std::result::Result<u32, Failure> {
        if self.failed.is_some() {
            return Err(Failure::invalid("an earlier operation of this call failed"));
        }
        let result = crate::error::caught(|| {
            op(self.ops).map_err(|error| {
                let denied = self.ops.denied();
                crate::error::from_guest(error, denied.as_deref())
            })
        });
        if let Err(failure) = &result {
            self.failed = Some(failure.copy());
        }
        result
    }
}

unsafe fn lower_handle<'a>(cx: *mut LowerCx) -> &'a mut LowerHandle<'a> {
    unsafe { &mut *cx.cast::<LowerHandle<'a>>() }
}

fn into_c(result: std::result::Result<u32, Failure>, out: *mut u32) -> *mut crate::error::CError {
    match result {
        Ok(value) => {
            unsafe { *out = value };
            std::ptr::null_mut()
        }
        Err(failure) => failure.into_c(),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_lower_memory(cx: *mut LowerCx, len: *mut usize) -> *mut u8 {
    let memory = unsafe { lower_handle(cx) }.ops.memory();
    if !len.is_null() {
        unsafe { *len = memory.len() };
    }
    if memory.is_empty() {
        std::ptr::null_mut()
    } else {
        memory.as_mut_ptr()
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_lower_realloc(
    cx: *mut LowerCx,
    align: u32,
    size: u32,
    out: *mut u32,
    memory: *mut *mut u8,
) -> *mut crate::error::CError {
    let run = unsafe { lower_handle(cx) }.run(|ops| {
        let address = ops.realloc(align, size)?;
        if !memory.is_null() {
            unsafe { *memory = ops.memory().as_mut_ptr() };
        }
        Ok(address)
    });
    into_c(run, out)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_lower_own(
    cx: *mut LowerCx,
    resource: Str,
    rep: u32,
    handle: *mut u32,
) -> *mut crate::error::CError {
    let name = unsafe { resource.text() };
    into_c(
        unsafe { lower_handle(cx) }.run(|ops| ops.handle(&name, rep, true)),
        handle,
    )
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_lower_borrow(
    cx: *mut LowerCx,
    resource: Str,
    rep: u32,
    handle: *mut u32,
) -> *mut crate::error::CError {
    let name = unsafe { resource.text() };
    into_c(
        unsafe { lower_handle(cx) }.run(|ops| ops.handle(&name, rep, false)),
        handle,
    )
}
