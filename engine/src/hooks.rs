//! The raw canonical ABI boundary: own parameter and result types whose lift and lower hooks call C.
//!
//! Every use of wasmtime's internals (`component::__internal`) is in this file; the version is
//! pinned exactly, and `tests/engine_test.cc` has a test per hook.

use crate::error::Failure;
use crate::ffi::{self, LowerCx, Str, Value};
use crate::instance::StoreData;
use std::any::Any;
use std::cell::Cell;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use wasmtime::component::__internal::wasmtime_environ::component::{
    CanonicalAbiInfo, CanonicalOptionsDataModel, ComponentTypes, InterfaceType,
    TypeResourceTableIndex, VariantInfo,
};
use wasmtime::component::__internal::{InstanceType, LiftContext, LowerContext};
use wasmtime::component::{
    ComponentNamedList, ComponentType, Lift, Lower, ResourceAny, ResourceType,
};
use wasmtime::{Result, ValRaw};

/// Size 0 and alignment 1: C++ checks the alignment and bounds of what it reads itself, and the
/// slice wasmtime hands to `linear_lift_from_memory` then only carries the address.
const OPAQUE_ABI: CanonicalAbiInfo = CanonicalAbiInfo {
    size32: 0,
    align32: 1,
    size64: 0,
    align64: 1,
    flat_count: None,
};

// ---- handles ---------------------------------------------------------------------------------

/// One handle taken from a guest value.
pub enum Lifted {
    /// A resource of the host: its type, its rep, and whether ownership came with it.
    Host(ResourceType, u32, bool),
    /// A resource the guest defines.
    Guest(ResourceAny),
}

/// Where the values that contain handles lie.
enum Source<'a> {
    Flat(&'a [ValRaw]),
    Memory(u32),
}

/// Lifts all handles of a parameter or result list, depth first in the order of the values.
struct Walker<'a, 'b, 'c> {
    cx: &'a mut LiftContext<'b>,
    types: &'c ComponentTypes,
    memory: &'c [u8],
    out: Vec<Lifted>,
}

fn lift_handles(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    source: Source,
) -> Result<Vec<Lifted>> {
    let types = cx.types.clone();
    let memory = cx.memory();
    let mut walker = Walker {
        cx,
        types: &types,
        memory,
        out: Vec::new(),
    };
    match source {
        Source::Flat(flat) => walker.flat(&ty, flat)?,
        Source::Memory(addr) => walker.stored(&ty, addr)?,
    }
    Ok(walker.out)
}

fn out_of_bounds() -> wasmtime::Error {
    wasmtime::Error::msg("pointer out of bounds of memory")
}

impl Walker<'_, '_, '_> {
    fn handle(&mut self, ty: &InterfaceType, index: u32) -> Result<()> {
        let (InterfaceType::Own(table) | InterfaceType::Borrow(table)) = *ty else {
            return Ok(());
        };
        let owned = matches!(ty, InterfaceType::Own(_));
        let lifted = if self.is_imported(table) {
            let resource = self.cx.resource_type(table);
            let rep = if owned {
                self.cx.guest_resource_lift_own(table, index)?.0
            } else {
                self.cx.guest_resource_lift_borrow(table, index)?
            };
            Lifted::Host(resource, rep, owned)
        } else if owned {
            Lifted::Guest(<ResourceAny as Lift>::linear_lift_from_flat(
                self.cx,
                *ty,
                &ValRaw::u32(index),
            )?)
        } else {
            // An imported interface cannot name a resource the component itself defines, except in
            // a hand-written component.
            return Err(wasmtime::Error::msg(
                "a borrow of a resource that the component defines was passed to the host",
            ));
        };
        self.out.push(lifted);
        Ok(())
    }

    /// Imported resources are the host's, all others the component's own.
    fn is_imported(&mut self, table: TypeResourceTableIndex) -> bool {
        let (_, defining_instance) = self.cx.instance_mut().dtor_and_instance(table);
        defining_instance.is_none()
    }

    /// `flat` starts at this value; what follows it is ignored.
    fn flat(&mut self, ty: &InterfaceType, flat: &[ValRaw]) -> Result<()> {
        if !self.has_handles(ty) {
            return Ok(());
        }
        let types = self.types;
        match ty {
            InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
                self.handle(ty, slot(flat, 0)?.get_u32())
            }
            InterfaceType::Record(i) => {
                let fields = types[*i].fields.iter().map(|field| field.ty);
                self.flat_fields(fields, flat)
            }
            InterfaceType::Tuple(i) => self.flat_fields(types[*i].types.iter().copied(), flat),
            InterfaceType::FixedLengthList(i) => {
                let list = &types[*i];
                let elements = (0..list.size).map(|_| list.element);
                self.flat_fields(elements, flat)
            }
            InterfaceType::List(i) => {
                let (ptr, len) = (slot(flat, 0)?.get_u32(), slot(flat, 1)?.get_u32());
                self.elements(&types[*i].element, ptr, len)
            }
            InterfaceType::Variant(_) | InterfaceType::Option(_) | InterfaceType::Result(_) => {
                let payload = self.payload(ty, slot(flat, 0)?.get_u32())?;
                match payload {
                    Some(payload) => self.flat(&payload, flat.get(1..).unwrap_or_default()),
                    None => Ok(()),
                }
            }
            _ => Err(unsupported(ty)),
        }
    }

    fn flat_fields(
        &mut self,
        fields: impl Iterator<Item = InterfaceType>,
        mut flat: &[ValRaw],
    ) -> Result<()> {
        for ty in fields {
            self.flat(&ty, flat)?;
            // Within a flat list every part has a flat count.
            let count = self
                .types
                .canonical_abi(&ty)
                .flat_count(usize::MAX)
                .unwrap_or(flat.len());
            flat = flat.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    fn stored(&mut self, ty: &InterfaceType, addr: u32) -> Result<()> {
        if !self.has_handles(ty) {
            return Ok(());
        }
        let types = self.types;
        let abi = types.canonical_abi(ty);
        if addr % abi.align32 != 0 {
            return Err(wasmtime::Error::msg("pointer not aligned"));
        }
        self.bytes(addr, u64::from(abi.size32))?;
        match ty {
            InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
                let index = self.read(addr, 4)?;
                self.handle(ty, index)
            }
            InterfaceType::Record(i) => {
                let fields = types[*i].fields.iter().map(|field| field.ty);
                self.stored_fields(fields, addr)
            }
            InterfaceType::Tuple(i) => self.stored_fields(types[*i].types.iter().copied(), addr),
            InterfaceType::FixedLengthList(i) => {
                let list = &types[*i];
                self.stored_fields((0..list.size).map(|_| list.element), addr)
            }
            InterfaceType::List(i) => {
                let (ptr, len) = (self.read(addr, 4)?, self.read(addr + 4, 4)?);
                self.elements(&types[*i].element, ptr, len)
            }
            InterfaceType::Variant(_) | InterfaceType::Option(_) | InterfaceType::Result(_) => {
                let info = self.variant_info(ty);
                let size = usize::from(info.size);
                let discriminant = self.read(addr, size)?;
                match self.payload(ty, discriminant)? {
                    Some(payload) => self.stored(&payload, addr + info.payload_offset32),
                    None => Ok(()),
                }
            }
            _ => Err(unsupported(ty)),
        }
    }

    /// `addr + size of all fields` is in bounds: the caller checked the record.
    fn stored_fields(
        &mut self,
        fields: impl Iterator<Item = InterfaceType>,
        addr: u32,
    ) -> Result<()> {
        let mut offset = 0;
        for ty in fields {
            let at = self.types.canonical_abi(&ty).next_field32(&mut offset);
            self.stored(&ty, addr + at)?;
        }
        Ok(())
    }

    fn elements(&mut self, element: &InterfaceType, ptr: u32, len: u32) -> Result<()> {
        let size = self.types.canonical_abi(element).size32;
        self.bytes(ptr, u64::from(size) * u64::from(len))?;
        for i in 0..len {
            self.stored(element, ptr + i * size)?;
        }
        Ok(())
    }

    fn variant_info(&self, ty: &InterfaceType) -> VariantInfo {
        match ty {
            InterfaceType::Variant(i) => self.types[*i].info.clone(),
            InterfaceType::Option(i) => self.types[*i].info.clone(),
            InterfaceType::Result(i) => self.types[*i].info.clone(),
            _ => unreachable!("only called for variants"),
        }
    }

    fn payload(&self, ty: &InterfaceType, discriminant: u32) -> Result<Option<InterfaceType>> {
        let index = discriminant as usize;
        match ty {
            InterfaceType::Variant(i) => {
                let cases = &self.types[*i].cases;
                cases.get_index(index).map(|(_, payload)| *payload)
            }
            InterfaceType::Option(i) => [None, Some(self.types[*i].ty)].get(index).copied(),
            InterfaceType::Result(i) => {
                let result = &self.types[*i];
                [result.ok, result.err].get(index).copied()
            }
            _ => None,
        }
        .ok_or_else(|| wasmtime::Error::msg(format!("unexpected discriminant: {discriminant}")))
    }

    fn has_handles(&self, ty: &InterfaceType) -> bool {
        has_handles(self.types, ty)
    }

    fn bytes(&self, addr: u32, len: u64) -> Result<&[u8]> {
        let start = addr as usize;
        usize::try_from(len)
            .ok()
            .and_then(|len| self.memory.get(start..start.checked_add(len)?))
            .ok_or_else(out_of_bounds)
    }

    fn read(&self, addr: u32, size: usize) -> Result<u32> {
        let mut value = [0; 4];
        value[..size].copy_from_slice(self.bytes(addr, size as u64)?);
        Ok(u32::from_le_bytes(value))
    }
}

fn slot(flat: &[ValRaw], index: usize) -> Result<&ValRaw> {
    flat.get(index)
        .ok_or_else(|| wasmtime::Error::msg("flat value list too short"))
}

fn unsupported(ty: &InterfaceType) -> wasmtime::Error {
    wasmtime::Error::msg(format!(
        "handles inside this type are not supported: {ty:?}"
    ))
}

fn has_handles(types: &ComponentTypes, ty: &InterfaceType) -> bool {
    first_leaf(types, ty, &mut |leaf| {
        matches!(leaf, InterfaceType::Own(_) | InterfaceType::Borrow(_)).then_some(())
    })
    .is_some()
}

/// The first type, in preorder, for which `pick` answers.
fn first_leaf<R>(
    types: &ComponentTypes,
    ty: &InterfaceType,
    pick: &mut dyn FnMut(&InterfaceType) -> Option<R>,
) -> Option<R> {
    if let Some(found) = pick(ty) {
        return Some(found);
    }
    let mut visit = |ty: &InterfaceType| first_leaf(types, ty, pick);
    match ty {
        InterfaceType::Record(i) => types[*i].fields.iter().find_map(|field| visit(&field.ty)),
        InterfaceType::Tuple(i) => types[*i].types.iter().find_map(visit),
        InterfaceType::List(i) => visit(&types[*i].element),
        InterfaceType::FixedLengthList(i) => visit(&types[*i].element),
        InterfaceType::Map(i) => {
            let map = &types[*i];
            visit(&map.key).or_else(|| visit(&map.value))
        }
        InterfaceType::Option(i) => visit(&types[*i].ty),
        InterfaceType::Result(i) => {
            let result = &types[*i];
            [result.ok, result.err].iter().flatten().find_map(visit)
        }
        InterfaceType::Variant(i) => types[*i].cases.values().flatten().find_map(visit),
        _ => None,
    }
}

// ---- host functions: parameters --------------------------------------------------------------

/// The parameters of one call from the guest: N flat values, or none when they are spilled. With H
/// the handles in them are lifted too.
pub struct RawParams<const N: usize, const H: bool> {
    pub args: [ValRaw; N],
    pub spilled: u32,
    memory: *const u8,
    pub memory_len: usize,
    /// None without H. Boxed, so that the common case moves one word.
    pub handles: Option<Box<Vec<Lifted>>>,
}

// `memory` is only used before the guest can run again, on the thread that lifted it.
unsafe impl<const N: usize, const H: bool> Send for RawParams<N, H> {}
unsafe impl<const N: usize, const H: bool> Sync for RawParams<N, H> {}

impl<const N: usize, const H: bool> RawParams<N, H> {
    /// NULL when the function has no memory.
    pub fn memory(&self) -> *const u8 {
        if self.memory_len == 0 {
            std::ptr::null()
        } else {
            self.memory
        }
    }

    /// The flat values as C reads them. Compiled code stores an i32 in four bytes and leaves the
    /// others as they were, hence `wide`: bit i is set when value i has 64 bits.
    pub fn values(&self, wide: u32) -> [Value; N] {
        std::array::from_fn(|i| value_of(&self.args[i], wide & (1 << i) != 0))
    }
}

fn value_of(raw: &ValRaw, wide: bool) -> Value {
    let lo = if wide {
        raw.get_u64()
    } else {
        u64::from(raw.get_u32())
    };
    Value { lo, hi: 0 }
}

unsafe impl<const N: usize, const H: bool> ComponentType for RawParams<N, H> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = OPAQUE_ABI;

    /// `berth_pre_new` has compared the types.
    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        Ok(())
    }
}

unsafe impl<const N: usize, const H: bool> ComponentNamedList for RawParams<N, H> {}

unsafe impl<const N: usize, const H: bool> Lift for RawParams<N, H> {
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &[ValRaw; N],
    ) -> Result<Self> {
        let handles = if H {
            Some(Box::new(lift_handles(cx, ty, Source::Flat(src))?))
        } else {
            None
        };
        let memory = cx.memory();
        Ok(RawParams {
            args: *src,
            spilled: 0,
            memory: memory.as_ptr(),
            memory_len: memory.len(),
            handles,
        })
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> Result<Self> {
        let memory = cx.memory();
        let spilled = offset_in(memory, bytes);
        let handles = if H {
            Some(Box::new(lift_handles(cx, ty, Source::Memory(spilled))?))
        } else {
            None
        };
        Ok(RawParams {
            args: [ValRaw::u32(0); N],
            spilled,
            memory: memory.as_ptr(),
            memory_len: memory.len(),
            handles,
        })
    }
}

/// Where in `memory` the (empty) slice lies. Memories have at most 4 GiB, so the end of one is the
/// only address that does not fit; nothing can be read there.
fn offset_in(memory: &[u8], part: &[u8]) -> u32 {
    let offset = part.as_ptr() as usize - memory.as_ptr() as usize;
    u32::try_from(offset).unwrap_or(u32::MAX)
}

// ---- host functions: results -----------------------------------------------------------------

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

unsafe impl<const R: usize> ComponentType for RawRet<R> {
    type Lower = [ValRaw; R];
    const ABI: CanonicalAbiInfo = OPAQUE_ABI;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        Ok(())
    }
}

unsafe impl<const R: usize> ComponentNamedList for RawRet<R> {}

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

unsafe impl<const R: usize> ComponentType for DirectRet<R> {
    type Lower = [ValRaw; R];
    const ABI: CanonicalAbiInfo = OPAQUE_ABI;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        Ok(())
    }
}

unsafe impl<const R: usize> ComponentNamedList for DirectRet<R> {}

unsafe impl<const R: usize> Lower for DirectRet<R> {
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

// ---- inside a lower callback -----------------------------------------------------------------

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

fn with_lower_cx<T: 'static>(
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

// ---- calls into a guest ----------------------------------------------------------------------

/// Flat parameters of a guest call. Always 16 slots: a shorter list leaves the rest unset, a
/// spilled one uses the first for its address.
pub struct GuestArgs {
    pub call: *mut ffi::Call,
    pub count: u32,
}

unsafe impl Send for GuestArgs {}
unsafe impl Sync for GuestArgs {}

unsafe impl ComponentType for GuestArgs {
    type Lower = [ValRaw; 16];
    const ABI: CanonicalAbiInfo = OPAQUE_ABI;

    /// `berth_pre_export` has compared the types.
    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        Ok(())
    }
}

unsafe impl ComponentNamedList for GuestArgs {}

unsafe impl Lower for GuestArgs {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<[ValRaw; 16]>,
    ) -> Result<()> {
        // The caller keeps the call alive until it has ended.
        let call = unsafe { &mut *self.call };
        for i in 0..call.block_count {
            let block = unsafe { &*call.blocks.add(i) };
            let address = place(cx, block)?;
            call.args[block.slot as usize].lo = address as u64;
        }
        if let Some(lower) = call.lower {
            let (ctx, args) = (call.ctx, call.args.as_mut_ptr());
            with_lower_cx(cx, ty, |handle| unsafe { lower(ctx, handle, args) })?;
        }
        let slots = dst.as_mut_ptr().cast::<ValRaw>();
        for (i, arg) in call.args.iter().enumerate().take(self.count as usize) {
            unsafe { slots.add(i).write(ValRaw::u64(arg.lo)) };
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

/// Copies a block into the guest. A function with a list among its parameters has a memory and a
/// realloc: validation of `canon lift` saw to it.
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
    /// The flat result is 64 bits wide.
    pub wide: bool,
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

/// The result of a guest call: R = 0 none, 1 a flat value, 2 in memory. With H it has handles.
pub struct GuestRet<const R: usize, const H: bool>;

unsafe impl<const R: usize, const H: bool> ComponentType for GuestRet<R, H> {
    type Lower = [ValRaw; R];
    const ABI: CanonicalAbiInfo = OPAQUE_ABI;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        Ok(())
    }
}

unsafe impl<const R: usize, const H: bool> ComponentNamedList for GuestRet<R, H> {}

unsafe impl<const R: usize, const H: bool> Lift for GuestRet<R, H> {
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &[ValRaw; R],
    ) -> Result<Self> {
        let current = unsafe { &mut *current() };
        let result = src
            .first()
            .map_or(Value::default(), |raw| value_of(raw, current.wide));
        let handles = if H {
            lift_handles(cx, ty, Source::Flat(src))?
        } else {
            Vec::new()
        };
        give_result(cx, current, result, handles)?;
        Ok(GuestRet)
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> Result<Self> {
        let current = unsafe { &mut *current() };
        let addr = offset_in(cx.memory(), bytes);
        let handles = if H {
            lift_handles(cx, ty, Source::Memory(addr))?
        } else {
            Vec::new()
        };
        let result = Value {
            lo: u64::from(addr),
            hi: 0,
        };
        give_result(cx, current, result, handles)?;
        Ok(GuestRet)
    }
}

/// Hands the result to C++ before post-return runs.
fn give_result(
    cx: &LiftContext<'_>,
    current: &mut Current,
    result: Value,
    handles: Vec<Lifted>,
) -> Result<()> {
    let call = unsafe { &mut *current.call };
    call.result = result;
    let Some(lift) = call.lift else {
        return Ok(());
    };
    let memory = cx.memory();
    let data = if memory.is_empty() {
        std::ptr::null()
    } else {
        memory.as_ptr()
    };
    // LiftContext borrows the store, but never its data.
    let handles = unsafe { &mut *current.data }.take_handles(&handles);
    let error = unsafe {
        lift(
            call.ctx,
            &result,
            data,
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
