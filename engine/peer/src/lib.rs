//! What wasmtime's own Rust API costs, measured from the same process and the same run as ours.
//! For bench/ only; nothing of the product links it.

use berth_engine as _; // re-exports the engine's C functions from this static library
use std::hint::black_box;
use std::time::Instant;
use wasmtime::component::{
    Component, ComponentType, Instance, InstancePre, Lift, Linker, Lower, TypedFunc,
};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result, Store,
};

#[derive(ComponentType, Lift, Lower, Clone, PartialEq, Debug)]
#[component(record)]
struct Row {
    id: u32,
    name: String,
    score: f64,
    active: bool,
    count: Option<u64>,
    tags: Vec<u16>,
}

pub struct Peer {
    pre: InstancePre<()>,
    engine: Engine,
    store: Store<()>,
    add: TypedFunc<(u32, u32), (u32,)>,
    host_loop: TypedFunc<(u32,), (u32,)>,
    bytes_in: TypedFunc<(&'static [u8],), (u32,)>,
    bytes_out: TypedFunc<(u32,), (Vec<u8>,)>,
    rows: TypedFunc<(&'static [Row],), (Vec<Row>,)>,
}

/// The settings berth's engine uses (engine/src), so that only the binding differs.
fn engine() -> Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(1000)
        .total_core_instances(1000)
        .total_memories(1000)
        .total_tables(1000)
        .total_stacks(1000)
        .max_memory_size(64 << 20);
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .max_wasm_stack(128 << 10)
        .async_stack_size(256 << 10)
        .memory_reservation(64 << 20)
        .memory_guard_size(64 << 10)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

fn store(engine: &Engine) -> Store<()> {
    let mut store = Store::new(engine, ());
    store.set_epoch_deadline(1 << 40);
    store
}

fn new(bytes: &[u8]) -> Result<Peer> {
    let engine = engine()?;
    let component = Component::new(&engine, bytes)?;
    let mut linker = Linker::<()>::new(&engine);
    linker
        .instance("berth:bench/host@0.1.0")?
        .func_wrap("tick", |_, (x,): (u32,)| Ok((x + 1,)))?;
    let pre = linker.instantiate_pre(&component)?;
    let mut store = store(&engine);
    let instance = pre.instantiate(&mut store)?;
    let index = component
        .get_export_index(None, "berth:bench/guest@0.1.0")
        .expect("the bench guest exports its interface");
    fn typed<P, R>(
        store: &mut Store<()>,
        i: &Instance,
        c: &Component,
        at: &wasmtime::component::ComponentExportIndex,
        name: &str,
    ) -> Result<TypedFunc<P, R>>
    where
        P: wasmtime::component::ComponentNamedList + Lower,
        R: wasmtime::component::ComponentNamedList + Lift,
    {
        let f = c
            .get_export_index(Some(at), name)
            .expect("an export of the bench guest");
        i.get_typed_func(store, f)
    }
    let (i, c, at) = (&instance, &component, &index);
    Ok(Peer {
        add: typed(&mut store, i, c, at, "add")?,
        host_loop: typed(&mut store, i, c, at, "host-loop")?,
        bytes_in: typed(&mut store, i, c, at, "bytes-in")?,
        bytes_out: typed(&mut store, i, c, at, "bytes-out")?,
        rows: typed(&mut store, i, c, at, "rows")?,
        pre,
        engine,
        store,
    })
}

fn run(peer: &mut Peer, op: u32, size: u32, bytes: &'static [u8], iterations: u64) -> Result<u64> {
    let rows: Vec<Row> = (0..if op == 4 { size } else { 0 })
        .map(|i| Row {
            id: i,
            name: format!("row number {i}"),
            score: f64::from(i) / 3.0,
            active: i % 2 == 0,
            count: (i % 3 == 0).then_some(u64::from(i) << 20),
            tags: vec![1, 2, 3, i as u16],
        })
        .collect();
    let rows: &'static [Row] = if op == 4 {
        Box::leak(rows.into_boxed_slice())
    } else {
        &[]
    };
    let s = &mut peer.store;
    let start = Instant::now();
    for n in 0..iterations {
        match op {
            0 => {
                black_box(peer.add.call(&mut *s, (n as u32, 2))?);
            }
            1 => {
                black_box(peer.host_loop.call(&mut *s, (size,))?);
            }
            2 => {
                black_box(peer.bytes_in.call(&mut *s, (bytes,))?);
            }
            3 => {
                black_box(peer.bytes_out.call(&mut *s, (size,))?);
            }
            4 => {
                black_box(peer.rows.call(&mut *s, (rows,))?);
            }
            _ => {
                let mut store = store(&peer.engine);
                black_box(peer.pre.instantiate(&mut store)?);
            }
        }
    }
    Ok(start.elapsed().as_nanos() as u64)
}

/// A peer for the bench component, or NULL (the error goes to stderr: this is a benchmark's tool).
///
/// # Safety
/// `bytes` points to `len` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_peer_new(bytes: *const u8, len: usize) -> *mut Peer {
    match new(unsafe { std::slice::from_raw_parts(bytes, len) }) {
        Ok(peer) => Box::into_raw(Box::new(peer)),
        Err(error) => {
            eprintln!("peer: {error:?}");
            std::ptr::null_mut()
        }
    }
}

/// Nanoseconds that `iterations` of `op` took: 0 add, 1 host-loop(size), 2 bytes-in(size),
/// 3 bytes-out(size), 4 rows(size), 5 instantiate. 0 on failure. `bytes` are what bytes-in sends: the
/// caller's own, because the speed of a copy depends on where its source lies.
///
/// # Safety
/// `peer` comes from berth_peer_new; `bytes` points to `size` bytes where `op` is 2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_peer_run(
    peer: *mut Peer,
    op: u32,
    size: u32,
    bytes: *const u8,
    iterations: u64,
) -> u64 {
    let bytes = match op {
        2 => unsafe { std::slice::from_raw_parts(bytes, size as usize) },
        _ => &[],
    };
    run(unsafe { &mut *peer }, op, size, bytes, iterations).unwrap_or_else(|error| {
        eprintln!("peer: {error:?}");
        0
    })
}
