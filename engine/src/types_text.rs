//! Types of a component: their structural text, flat form and the names of resources.

use wasmtime::component::ResourceType;
use wasmtime::component::types::{Component, ComponentFunc, ComponentItem, Type};

/// Longest flat form anybody asks for: 16 parameters, one more means "spilled".
const FLAT_CAP: usize = 17;

/// Most text that the types of one component may take. A few small types, each made of twice the one
/// before, would be gigabytes; the largest component seen takes 70 KB.
pub const MAX_TEXT: usize = 16 << 20;
/// Most resources of one component: they are found one after the other. The largest seen has 60.
const MAX_RESOURCES: usize = 10_000;

/// A core type of the canonical ABI's flat form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Core {
    I32,
    I64,
    F32,
    F64,
}

/// "ns:pkg/iface@1.2.3" without its version.
pub fn unversioned(interface: &str) -> &str {
    interface
        .split_once('@')
        .map_or(interface, |(name, _)| name)
}

/// The versions that may stand in for one another: the major one, or 0.minor below 1.0. None when
/// only the exact name will do (no version, a pre-release, or 0.0.x).
pub fn compatible_key(interface: &str) -> Option<(&str, String, (u64, u64, u64))> {
    let (name, version) = interface.split_once('@')?;
    if version.contains(['-', '+']) {
        return None;
    }
    let mut parts = version.split('.').map(str::parse::<u64>);
    let (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let key = match (major, minor) {
        (0, 0) => return None,
        (0, minor) => format!("0.{minor}"),
        (major, _) => format!("{major}"),
    };
    Some((name, key, (major, minor, patch)))
}

/// Picks from `available` what wasmtime's linker would: the exact name, else the newest compatible.
pub fn best_match<'a>(
    wanted: &str,
    available: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    if let Some(exact) = available.clone().find(|name| *name == wanted) {
        return Some(exact);
    }
    let (name, key, _) = compatible_key(wanted)?;
    available
        .filter_map(|candidate| {
            let (n, k, version) = compatible_key(candidate)?;
            (n == name && k == key).then_some((version, candidate))
        })
        .max()
        .map(|(_, candidate)| candidate)
}

/// Which interface defines each resource of one component.
#[derive(Default)]
pub struct Names {
    known: Vec<(ResourceType, String)>,
    /// Some resource is not in it: there are too many.
    pub incomplete: bool,
}

impl Names {
    pub fn of(component: &Component, engine: &wasmtime::Engine) -> Names {
        let mut names = Names::default();
        for (name, item) in component.imports(engine) {
            names.item(engine, name, &item.ty);
        }
        for (name, item) in component.exports(engine) {
            names.item(engine, name, &item.ty);
        }
        names
    }

    fn item(&mut self, engine: &wasmtime::Engine, name: &str, item: &ComponentItem) {
        match item {
            ComponentItem::Resource(ty) => self.add(*ty, format!("#{name}")),
            ComponentItem::ComponentInstance(instance) => {
                for (inner, item) in instance.exports(engine) {
                    if let ComponentItem::Resource(ty) = item.ty {
                        self.add(ty, format!("{}#{inner}", unversioned(name)));
                    }
                }
            }
            _ => {}
        }
    }

    /// The first interface that exports a resource defines it; later ones only re-export.
    fn add(&mut self, ty: ResourceType, name: String) {
        if self.known.len() == MAX_RESOURCES {
            self.incomplete = true;
        } else if !self.known.iter().any(|(known, _)| *known == ty) {
            self.known.push((ty, name));
        }
    }

    /// Whether the resource that `interface` exports as `name` is that interface's own.
    pub fn defines(&self, interface: &str, name: &str, ty: &ResourceType) -> bool {
        self.get(ty) == format!("{}#{name}", unversioned(interface))
    }

    fn get(&self, ty: &ResourceType) -> &str {
        self.known
            .iter()
            .find(|(known, _)| known == ty)
            .map_or("#unnamed", |(_, name)| name)
    }

    pub fn func(&self, func: &ComponentFunc) -> String {
        let mut out = String::from(if func.async_() {
            "async func("
        } else {
            "func("
        });
        for (i, (name, ty)) in func.params().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            out.push_str(name);
            out.push_str(": ");
            self.ty(&ty, &mut out);
        }
        out.push(')');
        for ty in func.results() {
            out.push_str(" -> ");
            self.ty(&ty, &mut out);
        }
        out
    }

    /// Beyond MAX_TEXT the text is cut off anywhere.
    fn ty(&self, ty: &Type, out: &mut String) {
        if out.len() > MAX_TEXT {
            return;
        }
        match ty {
            Type::Bool => out.push_str("bool"),
            Type::S8 => out.push_str("s8"),
            Type::U8 => out.push_str("u8"),
            Type::S16 => out.push_str("s16"),
            Type::U16 => out.push_str("u16"),
            Type::S32 => out.push_str("s32"),
            Type::U32 => out.push_str("u32"),
            Type::S64 => out.push_str("s64"),
            Type::U64 => out.push_str("u64"),
            Type::Float32 => out.push_str("f32"),
            Type::Float64 => out.push_str("f64"),
            Type::Char => out.push_str("char"),
            Type::String => out.push_str("string"),
            Type::List(list) => self.generic("list", &[Some(list.ty())], out),
            Type::Map(map) => self.generic("map", &[Some(map.key()), Some(map.value())], out),
            Type::Option(option) => self.generic("option", &[Some(option.ty())], out),
            Type::Result(result) => match (result.ok(), result.err()) {
                (None, None) => out.push_str("result"),
                (ok, None) => self.generic("result", &[ok], out),
                (ok, err) => self.generic("result", &[ok, err], out),
            },
            Type::Tuple(tuple) => {
                let types: Vec<_> = tuple.types().map(Some).collect();
                self.generic("tuple", &types, out);
            }
            Type::Record(record) => self.braces("record", record.fields(), out, |field, out| {
                out.push_str(field.name);
                out.push_str(": ");
                self.ty(&field.ty, out);
            }),
            Type::Variant(variant) => self.braces("variant", variant.cases(), out, |case, out| {
                out.push_str(case.name);
                if let Some(ty) = &case.ty {
                    out.push('(');
                    self.ty(ty, out);
                    out.push(')');
                }
            }),
            Type::Enum(names) => {
                self.braces("enum", names.names(), out, |name, out| out.push_str(name))
            }
            Type::Flags(names) => {
                self.braces("flags", names.names(), out, |name, out| out.push_str(name))
            }
            Type::Own(resource) => {
                out.push_str("own<");
                out.push_str(self.get(resource));
                out.push('>');
            }
            Type::Borrow(resource) => {
                out.push_str("borrow<");
                out.push_str(self.get(resource));
                out.push('>');
            }
            Type::FixedLengthList(list) => {
                out.push_str("list<");
                self.ty(&list.ty(), out);
                out.push_str(&format!(", {}>", list.len()));
            }
            Type::Future(future) => self.generic("future", &[future.ty()], out),
            Type::Stream(stream) => self.generic("stream", &[stream.ty()], out),
            Type::ErrorContext => out.push_str("error-context"),
        }
    }

    fn generic(&self, name: &str, types: &[Option<Type>], out: &mut String) {
        out.push_str(name);
        out.push('<');
        for (i, ty) in types.iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            match ty {
                Some(ty) => self.ty(ty, out),
                None => out.push('_'),
            }
        }
        out.push('>');
    }

    fn braces<T>(
        &self,
        name: &str,
        items: impl Iterator<Item = T>,
        out: &mut String,
        mut each: impl FnMut(T, &mut String),
    ) {
        out.push_str(name);
        out.push('{');
        for (i, item) in items.enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            each(item, out);
        }
        out.push('}');
    }
}

/// The ABI of one function, from the component's own type.
pub struct Shape {
    /// 0..=16, or 17 when the parameters are spilled to memory.
    pub flat_params: u32,
    /// 0, 1, or 2 = through a return pointer.
    pub flat_results: u32,
    pub param_handles: bool,
    pub result_handles: bool,
    /// A flat result is 64 bits wide.
    pub wide_result: bool,
}

impl Shape {
    pub fn of(func: &ComponentFunc) -> Shape {
        let mut params = Vec::new();
        let mut results = Vec::new();
        let mut param_handles = false;
        let mut result_handles = false;
        for (_, ty) in func.params() {
            param_handles |= has_handles(&ty);
            flatten(&ty, &mut params);
        }
        for ty in func.results() {
            result_handles |= has_handles(&ty);
            flatten(&ty, &mut results);
        }
        let wide = |core: &Core| matches!(core, Core::I64 | Core::F64);
        Shape {
            flat_params: params.len() as u32,
            flat_results: results.len().min(2) as u32,
            param_handles,
            result_handles,
            wide_result: results.first().is_some_and(wide),
        }
    }

    pub fn params_match(&self, declared: u32) -> bool {
        self.flat_params == declared.min(FLAT_CAP as u32)
    }
}

/// Appends the flat form, cut off at FLAT_CAP values in all.
fn flatten(ty: &Type, out: &mut Vec<Core>) {
    if out.len() >= FLAT_CAP {
        return;
    }
    match ty {
        Type::S64 | Type::U64 => out.push(Core::I64),
        Type::Float32 => out.push(Core::F32),
        Type::Float64 => out.push(Core::F64),
        Type::String | Type::List(_) | Type::Map(_) => {
            out.push(Core::I32);
            out.push(Core::I32);
        }
        Type::Record(record) => record.fields().for_each(|field| flatten(&field.ty, out)),
        Type::Tuple(tuple) => tuple.types().for_each(|ty| flatten(&ty, out)),
        Type::FixedLengthList(list) => {
            for _ in 0..list.len().min(FLAT_CAP as u32) {
                flatten(&list.ty(), out);
            }
        }
        Type::Variant(variant) => cases(variant.cases().map(|case| case.ty), out),
        Type::Option(option) => cases([None, Some(option.ty())].into_iter(), out),
        Type::Result(result) => cases([result.ok(), result.err()].into_iter(), out),
        // One i32 each: small integers, bool, char, enum, flags (at most 32), handles.
        _ => out.push(Core::I32),
    }
    out.truncate(FLAT_CAP);
}

/// Discriminant, then the slot-wise join of all payloads.
fn cases(payloads: impl Iterator<Item = Option<Type>>, out: &mut Vec<Core>) {
    let mut joined: Vec<Core> = Vec::new();
    for ty in payloads.flatten() {
        let mut flat = Vec::new();
        flatten(&ty, &mut flat);
        for (i, core) in flat.into_iter().enumerate() {
            match joined.get_mut(i) {
                None => joined.push(core),
                Some(slot) => {
                    *slot = match (*slot, core) {
                        (a, b) if a == b => a,
                        (Core::I32 | Core::F32, Core::I32 | Core::F32) => Core::I32,
                        _ => Core::I64,
                    }
                }
            }
        }
    }
    out.push(Core::I32);
    out.extend(joined);
}

fn has_handles(ty: &Type) -> bool {
    match ty {
        Type::Own(_) | Type::Borrow(_) => true,
        Type::List(list) => has_handles(&list.ty()),
        Type::FixedLengthList(list) => has_handles(&list.ty()),
        Type::Map(map) => has_handles(&map.key()) || has_handles(&map.value()),
        Type::Record(record) => record.fields().any(|field| has_handles(&field.ty)),
        Type::Tuple(tuple) => tuple.types().any(|ty| has_handles(&ty)),
        Type::Variant(variant) => variant
            .cases()
            .any(|case| case.ty.is_some_and(|ty| has_handles(&ty))),
        Type::Option(option) => has_handles(&option.ty()),
        Type::Result(result) => {
            result.ok().is_some_and(|ty| has_handles(&ty))
                || result.err().is_some_and(|ty| has_handles(&ty))
        }
        _ => false,
    }
}
