//! Handles (own and borrow) inside the values that a guest passes: found by walking the type.

use wasmtime::component::__internal::LiftContext;
use wasmtime::component::__internal::wasmtime_environ::component::{
    ComponentTypes, InterfaceType, TypeResourceTableIndex, VariantInfo,
};
use wasmtime::component::{Lift, ResourceAny, ResourceType};
use wasmtime::{Result, ValRaw};

/// One handle taken from a guest value.
pub enum Lifted {
    /// A resource of the host: its type, its rep, and whether ownership came with it.
    Host(ResourceType, u32, bool),
    /// A resource the guest defines.
    Guest(ResourceAny),
}

/// Where the values that contain handles lie.
pub enum Source<'a> {
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

pub fn lift_handles(
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
pub fn first_leaf<R>(
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
