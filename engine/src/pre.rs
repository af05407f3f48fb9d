//! A linked component: the comparison of all types at link time, and its exports.

use crate::component::Component;
use crate::engine::Engine;
use crate::error::{CError, Code, Failure, boundary, caught_or, chain};
use crate::ffi::Str;
use crate::instance::StoreData;
use crate::linker::{HostEntry, HostResource, Linker};
use crate::types_text::{Names, Shape, best_match, unversioned};
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::{ComponentExportIndex, InstancePre, ResourceType};

/// Exports named in the message about a missing one.
const LISTED_EXPORTS: usize = 20;

/// What `berth_pre_t` points to (an `Arc`). Immutable but for the list of looked-up exports.
pub struct Pre {
    pub wt: InstancePre<StoreData>,
    pub engine: Arc<Engine>,
    /// Some import may suspend, so only the fibre path may be used.
    pub is_async: bool,
    pub uses_wasi: bool,
    component: wasmtime::component::Component,
    names: Names,
    pub resources: Vec<HostResource>,
    #[expect(
        clippy::vec_box,
        reason = "C holds their addresses while the list grows"
    )]
    exports: Mutex<Vec<Box<Export>>>,
}

/// What `berth_export_t` points to; owned by its pre.
pub struct Export {
    pub pre: *const Pre,
    /// Position among the exports looked up so far.
    pub index: usize,
    pub target: ComponentExportIndex,
    interface: String,
    name: String,
    pub flat_params: u32,
    pub flat_results: u32,
    pub result_handles: bool,
    pub wide_result: bool,
}

// `pre` is only compared and dereferenced while the pre lives.
unsafe impl Send for Export {}
unsafe impl Sync for Export {}

/// WASI interfaces with a function that wasmtime-wasi implements as suspending. Whole interfaces:
/// being async for one that a component does not reach only costs the fibre.
fn wasi_suspends(interface: &str) -> bool {
    matches!(
        interface,
        "wasi:io/poll"
            | "wasi:io/streams"
            | "wasi:filesystem/types"
            | "wasi:sockets/tcp"
            | "wasi:sockets/udp"
            | "wasi:sockets/udp-create-socket"
    ) || interface.starts_with("wasi:http/")
}

/// The comparison of one component's imports with one linker.
struct Check<'a> {
    linker: &'a Linker,
    names: &'a Names,
    problems: Vec<String>,
    is_async: bool,
    uses_wasi: bool,
}

fn place(interface: &str) -> String {
    if interface.is_empty() {
        "import at the root".into()
    } else {
        format!("import \"{interface}\"")
    }
}

impl Check<'_> {
    fn item(&mut self, name: &str, item: &ComponentItem) {
        match item {
            ComponentItem::ComponentInstance(instance) => self.interface(name, instance),
            ComponentItem::ComponentFunc(func) => self.func("", Some(""), name, func),
            ComponentItem::Resource(ty) => self.resource("", Some(""), name, ty),
            ComponentItem::Type(_) => {}
            ComponentItem::CoreFunc(_) | ComponentItem::Module(_) | ComponentItem::Component(_) => {
                self.problems.push(format!(
                    "import \"{name}\": a component or core module as an import is not supported"
                ))
            }
        }
    }

    fn interface(&mut self, name: &str, instance: &ComponentInstance) {
        let linker = self.linker;
        let own = linker
            .funcs
            .iter()
            .map(|f| f.interface.as_str())
            .chain(linker.resources.iter().map(|r| r.interface.as_str()));
        let host = best_match(name, own);
        if host.is_none() && linker.wasi.contains(&unversioned(name)) {
            // Its functions are checked by wasmtime against wasmtime-wasi's own types.
            self.uses_wasi = true;
            self.is_async |= wasi_suspends(unversioned(name));
            return;
        }
        for (inner, item) in instance.exports(&linker.engine.wt) {
            match &item.ty {
                ComponentItem::ComponentFunc(func) => self.func(name, host, inner, func),
                ComponentItem::Resource(ty) => self.resource(name, host, inner, ty),
                _ => {}
            }
        }
    }

    fn func(&mut self, wanted: &str, host: Option<&str>, name: &str, func: &ComponentFunc) {
        let expected = self.names.func(func);
        let entry = self
            .linker
            .funcs
            .iter()
            .find(|entry| Some(entry.interface.as_str()) == host && entry.name == name);
        let Some(entry) = entry else {
            self.problems.push(format!(
                "{} function \"{name}\": the host does not provide it\n  {expected}",
                place(wanted)
            ));
            return;
        };
        if entry.text != expected {
            self.problems.push(format!(
                "{} function \"{name}\": the component expects\n  {expected}\nbut the host \
                 provides\n  {}",
                place(wanted),
                entry.text
            ));
            return;
        }
        if let Some(problem) = shape_problem(entry, &Shape::of(func)) {
            self.problems
                .push(format!("{} function \"{name}\": {problem}", place(wanted)));
        }
        self.is_async |= entry.func.async_;
    }

    fn resource(&mut self, wanted: &str, host: Option<&str>, name: &str, ty: &ResourceType) {
        // What an interface takes from another one (`use`) is found there.
        if !self.names.defines(wanted, name, ty) {
            return;
        }
        let found = self
            .linker
            .resources
            .iter()
            .any(|r| Some(r.interface.as_str()) == host && r.name == name);
        // A resource of an interface we know nothing of is reported through its functions too, but
        // an interface may have nothing else.
        if !found {
            self.problems.push(format!(
                "{} resource \"{name}\": the host does not provide it",
                place(wanted)
            ));
        }
    }
}

/// The binding's flat counts must be the component's: the raw hooks rely on them.
fn shape_problem(entry: &HostEntry, shape: &Shape) -> Option<String> {
    let func = &entry.func;
    if !shape.params_match(func.flat_params) || shape.flat_results != func.flat_results {
        return Some(format!(
            "the binding has {} flat parameters and {} results, the type has {} and {}",
            func.flat_params, func.flat_results, shape.flat_params, shape.flat_results
        ));
    }
    if shape.param_handles && !func.param_handles {
        return Some("the binding does not expect handles, the type has some".into());
    }
    None
}

impl Pre {
    fn new(linker: &Linker, component: &Component) -> Result<Pre, Failure> {
        let engine = &linker.engine.wt;
        if !wasmtime::Engine::same(engine, &component.engine.wt) {
            return Err(Failure::invalid("the component belongs to another engine"));
        }
        let ty = component.wt.component_type();
        let names = Names::of(&ty, engine);
        let mut check = Check {
            linker,
            names: &names,
            problems: Vec::new(),
            is_async: false,
            uses_wasi: false,
        };
        for (name, item) in ty.imports(engine) {
            check.item(name, &item.ty);
        }
        let Check {
            problems,
            is_async,
            uses_wasi,
            ..
        } = check;
        if !problems.is_empty() {
            return Err(Failure::new(Code::Link, problems.join("\n")));
        }
        let wt = linker
            .wt
            .instantiate_pre(&component.wt)
            .map_err(|e| Failure::new(Code::Link, chain(&e)))?;
        Ok(Pre {
            wt,
            engine: linker.engine.clone(),
            is_async,
            uses_wasi,
            component: component.wt.clone(),
            names,
            resources: linker.resources.clone(),
            exports: Mutex::new(Vec::new()),
        })
    }

    /// Ids of the host resources with this name; several when two versions of an interface are
    /// provided.
    pub fn resource_ids(&self, name: &str) -> Vec<u32> {
        let matching = self
            .resources
            .iter()
            .enumerate()
            .filter(|(_, r)| r.text == name);
        matching.map(|(id, _)| id as u32).collect()
    }

    /// The id of a host resource from its type; None for WASI's and the guest's own.
    pub fn resource_id(&self, ty: &ResourceType) -> Option<u32> {
        (0..self.resources.len() as u32).find(|id| ResourceType::host_dynamic(*id) == *ty)
    }

    pub fn wasmtime_component(&self) -> &wasmtime::component::Component {
        &self.component
    }

    fn export(&self, wanted: Export, text: &str) -> Result<*const Export, Failure> {
        let mut exports = self.exports.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &Export| {
            known.interface == wanted.interface
                && known.name == wanted.name
                && (known.flat_params, known.flat_results, known.result_handles)
                    == (
                        wanted.flat_params,
                        wanted.flat_results,
                        wanted.result_handles,
                    )
        };
        let func = self.export_type(&wanted.interface, &wanted.name)?;
        let actual = self.names.func(&func);
        let at = match wanted.interface.as_str() {
            "" => "at the root".to_string(),
            interface => format!("\"{interface}\""),
        };
        if actual != text {
            return Err(Failure::new(
                Code::Link,
                format!(
                    "export {at} function \"{}\": the host expects\n  {text}\nbut the component \
                     provides\n  {actual}",
                    wanted.name
                ),
            ));
        }
        if let Some(known) = exports.iter().find(|known| same(known)) {
            return Ok(&raw const **known);
        }
        let shape = Shape::of(&func);
        if !shape.params_match(wanted.flat_params)
            || shape.flat_results != wanted.flat_results
            || (shape.result_handles && !wanted.result_handles)
        {
            return Err(Failure::new(
                Code::Link,
                format!(
                    "export {at} function \"{}\": the binding has {} flat parameters and {} \
                     results, the type has {} and {}",
                    wanted.name,
                    wanted.flat_params,
                    wanted.flat_results,
                    shape.flat_params,
                    shape.flat_results
                ),
            ));
        }
        let export = Box::new(Export {
            index: exports.len(),
            wide_result: shape.wide_result,
            ..wanted
        });
        let pointer = &raw const *export;
        exports.push(export);
        Ok(pointer)
    }

    /// The exact or semver-compatible name of an exported interface.
    fn export_interface(&self, interface: &str) -> Option<String> {
        let ty = self.component.component_type();
        let names: Vec<&str> = ty.exports(&self.engine.wt).map(|(name, _)| name).collect();
        best_match(interface, names.into_iter()).map(str::to_string)
    }

    fn export_type(&self, interface: &str, name: &str) -> Result<ComponentFunc, Failure> {
        let engine = &self.engine.wt;
        let ty = self.component.component_type();
        let item = if interface.is_empty() {
            ty.get_export(engine, name).map(|item| item.ty)
        } else {
            self.export_interface(interface)
                .and_then(|found| ty.get_export(engine, &found).map(|item| item.ty))
                .and_then(|item| match item {
                    ComponentItem::ComponentInstance(instance) => {
                        instance.get_export(engine, name).map(|item| item.ty)
                    }
                    _ => None,
                })
        };
        match item {
            Some(ComponentItem::ComponentFunc(func)) => Ok(func),
            _ => Err(Failure::invalid(format!(
                "the component has no export \"{}{}{name}\"; it has: {}",
                interface,
                if interface.is_empty() { "" } else { "#" },
                self.listed_exports()
            ))),
        }
    }

    pub fn listed_exports(&self) -> String {
        let engine = &self.engine.wt;
        let ty = self.component.component_type();
        let mut found = Vec::new();
        for (name, item) in ty.exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => found.push(name.to_string()),
                ComponentItem::ComponentInstance(instance) => {
                    for (inner, item) in instance.exports(engine) {
                        if let ComponentItem::ComponentFunc(_) = item.ty {
                            found.push(format!("{name}#{inner}"));
                        }
                    }
                }
                _ => {}
            }
        }
        let more = found.len().saturating_sub(LISTED_EXPORTS);
        found.truncate(LISTED_EXPORTS);
        let mut text = found.join(", ");
        match (text.is_empty(), more) {
            (true, _) => text.push_str("no functions"),
            (false, 0) => {}
            (false, more) => text.push_str(&format!(" and {more} more")),
        }
        text
    }

    /// The function with this name in the only exported interface that has one.
    pub fn only_target(&self, name: &str) -> Option<ComponentExportIndex> {
        let ty = self.component.component_type();
        let mut found = ty.exports(&self.engine.wt).filter_map(|(interface, item)| {
            let ComponentItem::ComponentInstance(instance) = item.ty else {
                return None;
            };
            let item = instance.get_export(&self.engine.wt, name)?;
            matches!(item.ty, ComponentItem::ComponentFunc(_)).then_some(interface)
        });
        let interface = found.next()?;
        match found.next() {
            None => self.target(interface, name),
            Some(_) => None,
        }
    }

    pub fn target(&self, interface: &str, name: &str) -> Option<ComponentExportIndex> {
        let interface = match interface {
            "" => None,
            interface => {
                let found = self.export_interface(interface)?;
                Some(self.component.get_export_index(None, &*found)?)
            }
        };
        self.component.get_export_index(interface.as_ref(), name)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_pre_new(
    linker: *const Linker,
    component: *const Component,
    out: *mut *const Pre,
) -> *mut CError {
    boundary(|| {
        let (linker, component) = unsafe { (linker.as_ref(), component.as_ref()) };
        let (Some(linker), Some(component)) = (linker, component) else {
            return Err(Failure::invalid("no linker or no component"));
        };
        let pre = Pre::new(linker, component)?;
        unsafe { *out = Arc::into_raw(Arc::new(pre)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_pre_free(pre: *const Pre) {
    if !pre.is_null() {
        caught_or((), || drop(unsafe { Arc::from_raw(pre) }));
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_pre_is_async(pre: *const Pre) -> bool {
    unsafe { pre.as_ref() }.is_some_and(|pre| pre.is_async)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_pre_export(
    pre: *const Pre,
    interface: Str,
    name: Str,
    text: Str,
    flat_params: u32,
    flat_results: u32,
    result_handles: bool,
    out: *mut *const Export,
) -> *mut CError {
    boundary(|| unsafe {
        let linked = pre.as_ref().ok_or_else(|| Failure::invalid("no pre"))?;
        let (interface, name) = (interface.text(), name.text());
        // The type decides whether it exists; the index only fails for what is no function.
        linked.export_type(&interface, &name)?;
        let target = linked
            .target(&interface, &name)
            .ok_or_else(|| Failure::invalid(format!("export \"{name}\" is not a function")))?;
        *out = linked.export(
            Export {
                pre,
                index: 0,
                target,
                interface,
                name,
                flat_params: flat_params.min(17),
                flat_results,
                result_handles,
                wide_result: false,
            },
            &text.text(),
        )?;
        Ok(())
    })
}
