//! Keeps the exit code of a preview-1 program: the adapter's `proc_exit` knows only success and
//! failure, so a module's `proc_exit` is pointed at `wasi:cli/exit#exit-with-code`, which takes the
//! same core parameter.

use crate::error::Failure;
use wasmparser::{BinaryReader, Parser, Payload};
use wit_component::StringEncoding;
use wit_parser::Resolve;

const PREVIEW1: &str = "wasi_snapshot_preview1";
/// The version that the adapter imports, so that both name the same interface.
const EXIT: &str = "wasi:cli/exit@0.2.12";
const WIT: &str = "package wasi:cli@0.2.12;
interface exit { exit: func(status: result); exit-with-code: func(status-code: u8); }
world coded-exit { import exit; }";

const IMPORT_SECTION: u8 = 2;

/// The module with its `proc_exit` replaced; as it was when it has none. `module` is valid.
pub fn keep_exit_code(module: &[u8]) -> Result<Vec<u8>, Failure> {
    let failed =
        |e: &dyn std::fmt::Display| Failure::invalid(format!("cannot adapt this module: {e}"));
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ImportSection(section) = payload.map_err(|e| failed(&e))? else {
            continue;
        };
        let range = section.range();
        let entries = rewritten(&module[range.clone()]).map_err(|e| failed(&e))?;
        let Some(entries) = entries else { break };
        // The section starts with its id and length, which lie right before its contents.
        let header = 1 + leb_len(range.len());
        let start = range.start - header;
        if module[start] != IMPORT_SECTION {
            // A length in more bytes than it needs: left to the adapter, which loses the code only.
            break;
        }
        let mut out = module[..start].to_vec();
        out.push(IMPORT_SECTION);
        leb(entries.len(), &mut out);
        out.extend(entries);
        out.extend(&module[range.end..]);
        embed(&mut out).map_err(|e| failed(&e))?;
        return Ok(out);
    }
    Ok(module.to_vec())
}

/// The contents of the import section with `proc_exit` renamed, or None when it is not imported.
fn rewritten(section: &[u8]) -> wasmparser::Result<Option<Vec<u8>>> {
    let mut reader = BinaryReader::new(section, 0);
    let count = reader.read_var_u32()?;
    let mut out = Vec::new();
    leb(count as usize, &mut out);
    let mut found = false;
    for _ in 0..count {
        let (module, name) = (reader.read_string()?, reader.read_string()?);
        let before = reader.original_position();
        reader.read::<wasmparser::TypeRef>()?;
        let ty = &section[before..reader.original_position()];
        let is_exit = (module, name) == (PREVIEW1, "proc_exit");
        found |= is_exit;
        let (module, name) = if is_exit {
            (EXIT, "exit-with-code")
        } else {
            (module, name)
        };
        for text in [module, name] {
            leb(text.len(), &mut out);
            out.extend(text.as_bytes());
        }
        out.extend(ty);
    }
    Ok(found.then_some(out))
}

/// Says in the module what the new import's type is.
fn embed(module: &mut Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("exit.wit", WIT)?;
    let world = resolve.select_world(&[package], None)?;
    wit_component::embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)?;
    Ok(())
}

fn leb(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn leb_len(value: usize) -> usize {
    let mut bytes = Vec::new();
    leb(value, &mut bytes);
    bytes.len()
}
