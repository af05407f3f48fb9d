//! Calls given as WAVE text, "name(args)" or "iface#name(args)".

use crate::error::Failure;
use crate::pre::Pre;
use wasmtime::component::types::ComponentFunc;
use wasmtime::component::wasm_wave::untyped::UntypedFuncCall;
use wasmtime::component::wasm_wave::wasm::DisplayFuncArgs;
use wasmtime::component::{ComponentExportIndex, Val, wasm_wave};

/// Bytes of one call: the parser is recursive and this is typed by a person.
const MAX_TEXT: usize = 64 * 1024;

pub struct Invocation(UntypedFuncCall<'static>);

impl Invocation {
    /// Without an interface the name may be any exported function's, if only one has it.
    pub fn parse(pre: &Pre, text: &str) -> Result<(ComponentExportIndex, Invocation), Failure> {
        if text.len() > MAX_TEXT {
            return Err(Failure::invalid("the call is too long"));
        }
        // An interface is everything before the last '#' in front of the arguments.
        let head = text.find('(').unwrap_or(text.len());
        let (interface, call) = match text[..head].rfind('#') {
            Some(at) => (text[..at].trim(), &text[at + 1..]),
            None => ("", text),
        };
        let call = UntypedFuncCall::parse(call)
            .map_err(|e| Failure::invalid(format!("cannot read \"{text}\": {e}")))?
            .into_owned();
        let name = call.name().to_string();
        let target = match interface {
            "" => pre.target("", &name).or_else(|| pre.only_target(&name)),
            interface => pre.target(interface, &name),
        };
        let target = target.ok_or_else(|| {
            Failure::invalid(format!(
                "no exported function \"{name}\", or several; there are: {}",
                pre.listed_exports()
            ))
        })?;
        Ok((target, Invocation(call)))
    }

    pub fn params(&self, ty: &ComponentFunc) -> Result<Vec<Val>, Failure> {
        let types: Vec<_> = ty.params().map(|(_, ty)| ty).collect();
        self.0
            .to_wasm_params(&types)
            .map_err(|e| Failure::invalid(format!("wrong arguments: {e}")))
    }
}

/// The result as WAVE text; empty without one.
pub fn text(results: &[Val]) -> wasmtime::Result<String> {
    match results {
        [] => Ok(String::new()),
        [one] => wasm_wave::to_string(one)
            .map_err(|e| Failure::invalid(format!("a result without WAVE form: {e}")).into()),
        many => Ok(DisplayFuncArgs(many).to_string()),
    }
}
