//! The engine: compiler settings, the pooling allocator and the tick counter.

use crate::error::{CError, Code, Failure, boundary, describe, quiet_panics};
use crate::ffi::EngineConfig;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

const PAGE: u64 = 64 * 1024;
/// Address space kept free on both sides of a pooled memory. Small on purpose: bounds are checked
/// in code, and 10,000 slots must fit.
const GUARD_BYTES: u64 = 64 * 1024;
/// Core instances, memories and tables one component may have: composed components have several.
const PER_COMPONENT: u32 = 100;
/// Pool slots per component instance: a program behind the preview-1 adapter has up to four core
/// instances and two tables. Slots are address space, not memory.
const CORE_INSTANCES_EACH: u32 = 8;
const MEMORIES_EACH: u32 = 2;
const TABLES_EACH: u32 = 4;
/// State of one instance; the largest seen (StarlingMonkey) needs well under a tenth of it.
const MAX_INSTANCE_STATE_BYTES: usize = 1 << 20;

pub struct Engine {
    pub wt: wasmtime::Engine,
    ticks: AtomicU64,
    /// 0 = no maximum beyond the 32-bit address space.
    pub max_memory_bytes: u64,
    pub max_table_elements: u32,
    pub winch: bool,
    /// Runs WASI's input and output. Made with the first instance that imports WASI.
    runtime: OnceLock<tokio::runtime::Runtime>,
}

/// Threads that may block in file system calls for all guests together.
const BLOCKING_THREADS: usize = 4;

impl Engine {
    /// The I/O runtime; the caller enters it around everything that may start I/O.
    pub fn runtime(&self) -> Result<&tokio::runtime::Runtime, Failure> {
        if self.runtime.get().is_none() {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .max_blocking_threads(BLOCKING_THREADS)
                .thread_name("berth-io")
                .enable_all()
                .build()
                .map_err(|e| Failure::new(Code::Resources, format!("I/O runtime: {e}")))?;
            // Lost to another thread: the other one is as good, and this one shuts down.
            if let Err(spare) = self.runtime.set(runtime) {
                spare.shutdown_background();
            }
        }
        Ok(self.runtime.get().expect("set above"))
    }

    pub fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    fn new(config: &EngineConfig) -> Result<Engine, Failure> {
        let max_memory = match config.max_memory_bytes {
            0 => 1 << 32,
            bytes => bytes.min(1 << 32).next_multiple_of(PAGE),
        };
        let mut wt = wasmtime::Config::new();
        wt.strategy(if config.winch {
            wasmtime::Strategy::Winch
        } else {
            wasmtime::Strategy::Cranelift
        });
        wt.concurrency_support(false);
        wt.epoch_interruption(true);
        wt.wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Enable);
        let wasm_stack = nonzero(config.max_wasm_stack_bytes, 128 * 1024);
        let fibre_stack = nonzero(config.async_stack_bytes, 256 * 1024);
        if fibre_stack < wasm_stack + 64 * 1024 {
            return Err(Failure::invalid(format!(
                "async_stack_bytes ({fibre_stack}) must exceed max_wasm_stack_bytes ({wasm_stack}) \
                 by at least 65536 for the host's own frames"
            )));
        }
        wt.max_wasm_stack(wasm_stack);
        wt.async_stack_size(fibre_stack);
        if config.pooling {
            // The compiler builds these two into the code.
            wt.memory_reservation(max_memory);
            wt.memory_guard_size(GUARD_BYTES);
        }
        if config.pooling && !config.compile_only {
            let count = config.max_instances.max(1);
            let mut pool = wasmtime::PoolingAllocationConfig::new();
            pool.total_component_instances(count)
                .total_core_instances(count.saturating_mul(CORE_INSTANCES_EACH))
                .total_memories(count.saturating_mul(MEMORIES_EACH))
                .total_tables(count.saturating_mul(TABLES_EACH))
                .total_stacks(count)
                .max_core_instances_per_component(PER_COMPONENT)
                .max_memories_per_component(PER_COMPONENT)
                .max_tables_per_component(PER_COMPONENT)
                .max_memories_per_module(PER_COMPONENT)
                .max_tables_per_module(PER_COMPONENT)
                .max_component_instance_size(MAX_INSTANCE_STATE_BYTES)
                .max_core_instance_size(MAX_INSTANCE_STATE_BYTES)
                .table_elements(nonzero(config.max_table_elements, 20_000))
                .max_memory_size(max_memory as usize);
            wt.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pool));
        }
        let wt = wasmtime::Engine::new(&wt).map_err(|e| describe(Code::Resources, &e))?;
        Ok(Engine {
            wt,
            ticks: AtomicU64::new(0),
            max_memory_bytes: max_memory,
            max_table_elements: config.max_table_elements,
            winch: config.winch,
            runtime: OnceLock::new(),
        })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The last reference may go on the runtime's own thread, where waiting is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Another reference to an engine that C lends.
///
/// # Safety
/// `engine` is NULL or an engine that is alive.
pub unsafe fn shared(engine: *const Engine) -> Result<Arc<Engine>, Failure> {
    if engine.is_null() {
        return Err(Failure::invalid("no engine"));
    }
    Ok(unsafe {
        Arc::increment_strong_count(engine);
        Arc::from_raw(engine)
    })
}

fn nonzero(value: u32, default: usize) -> usize {
    if value == 0 { default } else { value as usize }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_engine_new(
    config: *const EngineConfig,
    out: *mut *const Engine,
) -> *mut CError {
    quiet_panics();
    boundary(|| {
        let config = unsafe { config.as_ref() }.ok_or_else(|| Failure::invalid("no config"))?;
        let engine = Engine::new(config)?;
        unsafe { *out = Arc::into_raw(Arc::new(engine)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_engine_free(engine: *const Engine) {
    if !engine.is_null() {
        drop(unsafe { Arc::from_raw(engine) });
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_engine_tick(engine: *const Engine) {
    // The counter first: a guest stopped by the epoch must find its deadline reached.
    if let Some(engine) = unsafe { engine.as_ref() } {
        engine.ticks.fetch_add(1, Ordering::Relaxed);
        engine.wt.increment_epoch();
    }
}
