//! The store limiter: memory, table and instance maxima of one instance.

use wasmtime::ResourceLimiter;

const PAGE: u64 = 64 * 1024;
/// Default maximum of core instances, memories and tables each.
const DEFAULT_CORE_INSTANCES: u32 = 100;

pub struct Limits {
    /// Bytes one linear memory may have; whole pages.
    max_memory: u64,
    max_table: u64,
    max_items: usize,
    /// Bytes of all memories together.
    pub memory_bytes: u64,
    /// What the last permitted growth added, to take back if the allocator then fails.
    last_growth: u64,
    /// What was refused since the current call began.
    pub denied: Option<Denied>,
}

pub enum Denied {
    Memory { wanted: u64, limit: u64 },
    Table { wanted: u64, limit: u64 },
}

impl Denied {
    pub fn text(&self) -> String {
        match self {
            Denied::Memory { wanted, limit } => {
                format!("a linear memory of {wanted} bytes was refused, the limit is {limit} bytes")
            }
            Denied::Table { wanted, limit } => {
                format!("a table of {wanted} elements was refused, the limit is {limit} elements")
            }
        }
    }
}

impl Limits {
    /// Zero takes the engine's maximum, in which zero again means "none".
    pub fn new(memory: u64, table: u32, items: u32, engine: &crate::engine::Engine) -> Limits {
        let max_memory = if memory == 0 {
            engine.max_memory_bytes
        } else {
            memory.min(engine.max_memory_bytes)
        };
        let max_table = match (table, engine.max_table_elements) {
            (0, 0) => u64::from(u32::MAX),
            (0, limit) | (limit, 0) => u64::from(limit),
            (a, b) => u64::from(a.min(b)),
        };
        let items = if items == 0 {
            DEFAULT_CORE_INSTANCES
        } else {
            items
        };
        Limits {
            max_memory: max_memory / PAGE * PAGE,
            max_table,
            max_items: items as usize,
            memory_bytes: 0,
            last_growth: 0,
            denied: None,
        }
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = desired as u64;
        self.last_growth = 0;
        if wanted > self.max_memory {
            self.denied = Some(Denied::Memory {
                wanted,
                limit: self.max_memory,
            });
            return Ok(false);
        }
        // The memory's own maximum: the guest asked for it, nobody refused.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.last_growth = wanted - current as u64;
        self.memory_bytes += self.last_growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_bytes -= self.last_growth;
        self.last_growth = 0;
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = desired as u64;
        if wanted > self.max_table {
            self.denied = Some(Denied::Table {
                wanted,
                limit: self.max_table,
            });
            return Ok(false);
        }
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn instances(&self) -> usize {
        self.max_items
    }

    fn tables(&self) -> usize {
        self.max_items
    }

    fn memories(&self) -> usize {
        self.max_items
    }
}
