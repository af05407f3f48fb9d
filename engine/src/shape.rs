//! The shape of a component, what it imports and exports: as JSON, from compiled code or by reading
//! alone.

use crate::error::Failure;
use crate::types_text::{MAX_TEXT, Names};
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::Types;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wasmtime::component::types::{ComponentExtern, ComponentItem};

/// One import or export; `ty` is only for functions.
struct Item {
    name: String,
    kind: &'static str,
    ty: Option<String>,
    items: Vec<Item>,
}

/// Bytes of names and types so far. Beyond MAX_TEXT nothing more is collected, and the whole is refused.
#[derive(Default)]
struct Collected(usize);

impl Collected {
    fn too_much(&self) -> bool {
        self.0 > MAX_TEXT
    }

    fn add(&mut self, item: &Item) {
        // What JSON puts around them counts too.
        self.0 += item.name.len() + item.ty.as_ref().map_or(0, String::len) + 64;
    }

    fn check(&self, incomplete: bool) -> Result<(), Failure> {
        if !self.too_much() && !incomplete {
            return Ok(());
        }
        Err(Failure::invalid(
            "the types of its imports and exports are more than anybody can read: over 16 MiB of text \
             or 10000 resources",
        ))
    }
}

pub fn of_compiled(
    component: &wasmtime::component::Component,
    engine: &wasmtime::Engine,
) -> Result<String, Failure> {
    let ty = component.component_type();
    let names = Names::of(&ty, engine);
    let mut collected = Collected::default();
    let imports = compiled_items(engine, &names, ty.imports(engine), &mut collected);
    let exports = compiled_items(engine, &names, ty.exports(engine), &mut collected);
    collected.check(names.incomplete)?;
    Ok(json(&imports, &exports))
}

fn compiled_items<'a>(
    engine: &wasmtime::Engine,
    names: &Names,
    list: impl Iterator<Item = (&'a str, ComponentExtern<'a>)>,
    collected: &mut Collected,
) -> Vec<Item> {
    let mut out = Vec::new();
    for (name, item) in list {
        if collected.too_much() {
            break;
        }
        let (kind, ty, items) = match &item.ty {
            ComponentItem::ComponentInstance(instance) => {
                let items = compiled_items(engine, names, instance.exports(engine), collected);
                ("interface", None, items)
            }
            ComponentItem::ComponentFunc(func) => ("func", Some(names.func(func)), Vec::new()),
            ComponentItem::CoreFunc(_) => ("func", None, Vec::new()),
            ComponentItem::Resource(_) => ("resource", None, Vec::new()),
            ComponentItem::Type(_) => ("type", None, Vec::new()),
            ComponentItem::Component(_) => ("component", None, Vec::new()),
            ComponentItem::Module(_) => ("module", None, Vec::new()),
        };
        let item = Item {
            name: name.into(),
            kind,
            ty,
            items,
        };
        collected.add(&item);
        out.push(item);
    }
    out
}

/// What the engine accepts when it compiles with Cranelift: wasmtime's own defaults with the cargo
/// features of this crate and without `concurrency_support`.
fn features() -> WasmFeatures {
    (WasmFeatures::WASM3 | WasmFeatures::COMPONENT_MODEL)
        .difference(WasmFeatures::GC_TYPES | WasmFeatures::EXCEPTIONS | WasmFeatures::THREADS)
}

/// Validates without compiling. The types of functions are left empty.
pub fn of_bytes(component: &[u8]) -> Result<String, Failure> {
    let malformed = |e| Failure::invalid(format!("malformed component: {e}"));
    let types = Validator::new_with_features(features())
        .validate_all(component)
        .map_err(malformed)?;
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut collected = Collected::default();
    // Components and modules nest; only the outermost is of interest.
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(malformed)? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let name = import.map_err(malformed)?.name.name;
                    let item = types.component_item_for_import(name);
                    imports
                        .extend(item.and_then(|i| read_item(&types, name, &i.ty, &mut collected)));
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let name = export.map_err(malformed)?.name.name;
                    let item = types.component_item_for_export(name);
                    exports
                        .extend(item.and_then(|i| read_item(&types, name, &i.ty, &mut collected)));
                }
            }
            _ => {}
        }
    }
    collected.check(false)?;
    Ok(json(&imports, &exports))
}

fn read_item(
    types: &Types,
    name: &str,
    ty: &ComponentEntityType,
    collected: &mut Collected,
) -> Option<Item> {
    if collected.too_much() {
        return None;
    }
    let (kind, ty, items) = match *ty {
        ComponentEntityType::Instance(id) => {
            let exports = types[id].exports.iter();
            let items =
                exports.filter_map(|(name, item)| read_item(types, name, &item.ty, collected));
            ("interface", None, items.collect())
        }
        ComponentEntityType::Func(_) => ("func", Some(String::new()), Vec::new()),
        ComponentEntityType::Type { created, .. } => match created {
            ComponentAnyTypeId::Resource(_) => ("resource", None, Vec::new()),
            _ => ("type", None, Vec::new()),
        },
        ComponentEntityType::Component(_) => ("component", None, Vec::new()),
        ComponentEntityType::Module(_) => ("module", None, Vec::new()),
        // Needs a feature that is off.
        ComponentEntityType::Value(_) => ("type", None, Vec::new()),
    };
    let item = Item {
        name: name.into(),
        kind,
        ty,
        items,
    };
    collected.add(&item);
    Some(item)
}

fn json(imports: &[Item], exports: &[Item]) -> String {
    let mut out = String::from("{\"imports\":");
    items_json(imports, &mut out);
    out.push_str(",\"exports\":");
    items_json(exports, &mut out);
    out.push('}');
    out
}

fn items_json(items: &[Item], out: &mut String) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str("{\"name\":");
        quote(&item.name, out);
        out.push_str(",\"kind\":");
        quote(item.kind, out);
        if let Some(ty) = &item.ty {
            out.push_str(",\"type\":");
            quote(ty, out);
        }
        if item.kind == "interface" {
            out.push_str(",\"items\":");
            items_json(&item.items, out);
        }
        out.push('}');
    }
    out.push(']');
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}
