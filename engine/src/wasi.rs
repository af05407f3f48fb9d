//! WASI 0.2: the interfaces a linker may offer, the state of one instance, and the decisions that
//! C++ takes about the outside.

use crate::error::{CError, Code, Failure, Shared, boundary, describe};
use crate::ffi::{self, FileDenial, SockAddr, Str, slice};
use crate::files::{Directories, Files, FilesView};
use crate::http::Http;
use crate::instance::StoreData;
use crate::linker::Linker;
use bytes::Bytes;
use std::ffi::c_void;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::WasiFilesystemCtxView;
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{self, ResolveAddressStream};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress, Network};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random, sockets};
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, SocketError, StreamResult};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::sockets::{
    SocketAddrUse, WasiSockets, WasiSocketsCtxView, WasiSocketsView as _,
};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// Handles to WASI resources one instance may hold: bounds what a guest makes the host keep.
const MAX_RESOURCES: usize = 10_000;
/// Bytes of output taken from the guest at once.
const OUTPUT_CHUNK: usize = 64 * 1024;

// berth_socket_use_t
const TCP_BIND: i32 = 0;
const TCP_CONNECT: i32 = 1;
const UDP_BIND: i32 = 2;
const UDP_CONNECT: i32 = 3;
const UDP_SEND: i32 = 4;
pub const HTTP_CONNECT: i32 = 5;

/// The decisions of C++ for one instance.
#[derive(Clone, Copy)]
pub struct Hooks {
    user: Shared,
    hooks: ffi::WasiHooks,
}

impl Hooks {
    pub fn connect(&self, purpose: i32, addr: SocketAddr) -> bool {
        let mut bytes = [0; 16];
        let family = match addr.ip() {
            IpAddr::V4(ip) => {
                bytes[..4].copy_from_slice(&ip.octets());
                4
            }
            IpAddr::V6(ip) => {
                bytes = ip.octets();
                6
            }
        };
        let addr = SockAddr {
            family,
            port: addr.port(),
            addr: bytes,
        };
        let connect = self.hooks.connect;
        connect.is_some_and(|connect| unsafe { connect(self.user.0, purpose, &addr) })
    }

    fn socket(&self, addr: SocketAddr, purpose: SocketAddrUse) -> bool {
        // Binding to any address and any port is what the system does before a connect or send;
        // alone it reaches nothing: listening, sending and each received datagram are asked for.
        let implicit = addr.ip().is_unspecified() && addr.port() == 0;
        match purpose {
            SocketAddrUse::TcpBind | SocketAddrUse::UdpBind if implicit => true,
            SocketAddrUse::TcpBind | SocketAddrUse::TcpListen => self.connect(TCP_BIND, addr),
            SocketAddrUse::UdpBind => self.connect(UDP_BIND, addr),
            SocketAddrUse::TcpConnect => self.connect(TCP_CONNECT, addr),
            SocketAddrUse::UdpSend => self.connect(UDP_SEND, addr),
            SocketAddrUse::UdpReceive => self.connect(UDP_CONNECT, addr),
            // Whoever may listen may accept.
            SocketAddrUse::TcpAccept => true,
        }
    }

    fn resolve(&self, name: &str) -> bool {
        let resolve = self.hooks.resolve;
        resolve.is_some_and(|resolve| unsafe { resolve(self.user.0, Str::of(name)) })
    }

    pub fn http(&self, method: &str, scheme: &str, authority: &str, path: &str) -> bool {
        let http = self.hooks.http;
        http.is_some_and(|http| unsafe {
            http(
                self.user.0,
                Str::of(method),
                Str::of(scheme),
                Str::of(authority),
                Str::of(path),
            )
        })
    }

    pub fn file_denied(&self, denial: &FileDenial) {
        if let Some(file_denied) = self.hooks.file_denied {
            unsafe { file_denied(self.user.0, denial) };
        }
    }
}

/// The WASI part of a store.
pub struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    http_ctx: WasiHttpCtx,
    http: Http,
    directories: Directories,
    hooks: Hooks,
}

impl Wasi {
    /// # Safety
    /// `config` is NULL (nothing is granted) or valid during the call.
    pub unsafe fn new(
        config: *const ffi::WasiConfig,
        user: *mut c_void,
    ) -> Result<Box<Wasi>, Failure> {
        let mut hooks = Hooks {
            user: Shared(user),
            hooks: ffi::WasiHooks {
                connect: None,
                resolve: None,
                http: None,
                output: None,
                file_denied: None,
            },
        };
        let mut builder = WasiCtx::builder();
        let mut extra_ca = Vec::new();
        if let Some(config) = unsafe { config.as_ref() } {
            hooks.hooks = config.hooks;
            unsafe { fill(&mut builder, config, &hooks) }?;
            extra_ca = unsafe { config.extra_ca_pem.bytes() }.to_vec();
        }
        builder
            .allow_tcp(true)
            .allow_udp(true)
            .allow_ip_name_lookup(true);
        builder.socket_addr_check(move |addr, purpose| {
            let allowed = hooks.socket(addr, purpose);
            Box::pin(async move { allowed })
        });
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        Ok(Box::new(Wasi {
            ctx: builder.build(),
            table,
            http_ctx: WasiHttpCtx::new(),
            http: Http::new(hooks, extra_ca),
            directories: Directories::new(),
            hooks,
        }))
    }
}

unsafe fn fill(
    builder: &mut wasmtime_wasi::WasiCtxBuilder,
    config: &ffi::WasiConfig,
    hooks: &Hooks,
) -> Result<(), Failure> {
    for arg in unsafe { slice(config.args, config.args_len) } {
        builder.arg(unsafe { arg.text() });
    }
    for pair in unsafe { slice(config.env, config.env_len) } {
        let pair = unsafe { pair.text() };
        let (key, value) = pair.split_once('=').unwrap_or((&pair, ""));
        builder.env(key, value);
    }
    for preopen in unsafe { slice(config.preopens, config.preopens_len) } {
        let (host, guest) = unsafe { (preopen.host_path.text(), preopen.guest_path.text()) };
        let perms = if preopen.write {
            FsPerms::ReadWrite
        } else {
            FsPerms::ReadOnly
        };
        builder.preopened_dir(&host, &guest, perms).map_err(|e| {
            Failure::invalid(format!(
                "cannot open directory \"{host}\": {}",
                e.root_cause()
            ))
        })?;
    }
    if hooks.hooks.output.is_some() {
        builder.stdout(Output {
            hooks: *hooks,
            stream: 1,
        });
        builder.stderr(Output {
            hooks: *hooks,
            stream: 2,
        });
    } else if config.inherit_stdio {
        builder.inherit_stdout().inherit_stderr();
    }
    if config.inherit_stdio {
        builder.inherit_stdin();
    }
    Ok(())
}

/// Standard output or error that goes to the output hook, as the guest writes it.
#[derive(Clone, Copy)]
struct Output {
    hooks: Hooks,
    stream: i32,
}

impl Output {
    fn give(&self, bytes: &[u8]) {
        if let Some(output) = self.hooks.hooks.output {
            unsafe { output(self.hooks.user.0, self.stream, bytes.as_ptr(), bytes.len()) };
        }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(*self)
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(*self)
    }
}

impl tokio::io::AsyncWrite for Output {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let len = bytes.len().min(OUTPUT_CHUNK);
        self.give(&bytes[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.give(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(OUTPUT_CHUNK)
    }
}

/// Access for wasmtime-wasi. A store without WASI state belongs to a component that imports none.
impl StoreData {
    fn wasi(&mut self) -> &mut Wasi {
        self.wasi
            .as_mut()
            .expect("a component that imports WASI has WASI state")
    }

    fn files(&mut self) -> FilesView<'_> {
        let wasi = self.wasi();
        FilesView {
            inner: WasiFilesystemCtxView {
                ctx: wasi.ctx.filesystem(),
                table: &mut wasi.table,
            },
            directories: &mut wasi.directories,
            hooks: wasi.hooks,
        }
    }
}

impl WasiView for StoreData {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi();
        WasiCtxView {
            ctx: &mut wasi.ctx,
            table: &mut wasi.table,
        }
    }
}

impl WasiHttpView for StoreData {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let wasi = self.wasi();
        WasiHttpCtxView {
            hooks: &mut wasi.http,
            table: &mut wasi.table,
            ctx: &mut wasi.http_ctx,
        }
    }
}

struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

/// `wasi:sockets/ip-name-lookup` with a decision per name in front of wasmtime-wasi's own.
struct Lookup;

struct LookupView<'a> {
    hooks: Hooks,
    inner: WasiSocketsCtxView<'a>,
}

impl HasData for Lookup {
    type Data<'a> = LookupView<'a>;
}

fn lookup(data: &mut StoreData) -> LookupView<'_> {
    LookupView {
        hooks: data.wasi().hooks,
        inner: data.sockets(),
    }
}

impl sockets::network::Host for LookupView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        self.inner.convert_error_code(error)
    }

    fn network_error_code(
        &mut self,
        error: Resource<wasmtime_wasi::p2::IoError>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        self.inner.network_error_code(error)
    }
}

impl sockets::network::HostNetwork for LookupView<'_> {
    fn drop(&mut self, network: Resource<Network>) -> wasmtime::Result<()> {
        sockets::network::HostNetwork::drop(&mut self.inner, network)
    }
}

impl ip_name_lookup::Host for LookupView<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> Result<Resource<ResolveAddressStream>, SocketError> {
        if !self.hooks.resolve(&name) {
            return Err(ErrorCode::AccessDenied.into());
        }
        ip_name_lookup::Host::resolve_addresses(&mut self.inner, network, name)
    }
}

impl ip_name_lookup::HostResolveAddressStream for LookupView<'_> {
    fn resolve_next_address(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> Result<Option<IpAddress>, SocketError> {
        self.inner.resolve_next_address(stream)
    }

    fn subscribe(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        self.inner.subscribe(stream)
    }

    fn drop(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<()> {
        ip_name_lookup::HostResolveAddressStream::drop(&mut self.inner, stream)
    }
}

impl Linker {
    /// Adds one group, and "io" with the first of them. Adding a group again does nothing.
    fn wasi(&mut self, group: &str) -> Result<(), Failure> {
        let interfaces: &'static [&'static str] = match group {
            "io" => &["wasi:io/error", "wasi:io/poll", "wasi:io/streams"],
            "cli" => &[
                "wasi:cli/environment",
                "wasi:cli/exit",
                "wasi:cli/stdin",
                "wasi:cli/stdout",
                "wasi:cli/stderr",
                "wasi:cli/terminal-input",
                "wasi:cli/terminal-output",
                "wasi:cli/terminal-stdin",
                "wasi:cli/terminal-stdout",
                "wasi:cli/terminal-stderr",
            ],
            "clocks" => &["wasi:clocks/monotonic-clock", "wasi:clocks/wall-clock"],
            "random" => &[
                "wasi:random/random",
                "wasi:random/insecure",
                "wasi:random/insecure-seed",
            ],
            "filesystem" => &["wasi:filesystem/types", "wasi:filesystem/preopens"],
            "sockets" => &[
                "wasi:sockets/network",
                "wasi:sockets/instance-network",
                "wasi:sockets/ip-name-lookup",
                "wasi:sockets/tcp",
                "wasi:sockets/tcp-create-socket",
                "wasi:sockets/udp",
                "wasi:sockets/udp-create-socket",
            ],
            "http" => &["wasi:http/types", "wasi:http/outgoing-handler"],
            _ => {
                return Err(Failure::invalid(format!(
                    "unknown WASI group \"{group}\"; there are cli, io, clocks, random, \
                     filesystem, sockets and http"
                )));
            }
        };
        if self.wasi.contains(&interfaces[0]) {
            return Ok(());
        }
        if group != "io" {
            self.wasi("io")?;
        }
        self.wasi_functions(group)
            .map_err(|e| describe(Code::Invalid, &e))?;
        self.wasi.extend(interfaces);
        Ok(())
    }

    fn wasi_functions(&mut self, group: &str) -> wasmtime::Result<()> {
        use wasmtime_wasi_http::p2::bindings as http;
        use wasmtime_wasi_io::bindings::wasi::io;
        type D = StoreData;
        let l = &mut self.wt;
        match group {
            "io" => {
                io::error::add_to_linker::<D, Io>(l, |d| d.ctx().table)?;
                io::poll::add_to_linker::<D, Io>(l, |d| d.ctx().table)?;
                io::streams::add_to_linker::<D, Io>(l, |d| d.ctx().table)
            }
            "cli" => {
                cli::exit::add_to_linker::<D, WasiCli>(l, D::cli)?;
                cli::environment::add_to_linker::<D, WasiCli>(l, D::cli)?;
                cli::stdin::add_to_linker::<D, WasiCli>(l, D::cli)?;
                cli::stdout::add_to_linker::<D, WasiCli>(l, D::cli)?;
                cli::stderr::add_to_linker::<D, WasiCli>(l, D::cli)?;
                cli::terminal_input::add_to_linker::<D, WasiCli>(l, D::cli)?;
                cli::terminal_output::add_to_linker::<D, WasiCli>(l, D::cli)?;
                cli::terminal_stdin::add_to_linker::<D, WasiCli>(l, D::cli)?;
                cli::terminal_stdout::add_to_linker::<D, WasiCli>(l, D::cli)?;
                cli::terminal_stderr::add_to_linker::<D, WasiCli>(l, D::cli)
            }
            "clocks" => {
                clocks::wall_clock::add_to_linker::<D, WasiClocks>(l, D::clocks)?;
                clocks::monotonic_clock::add_to_linker::<D, WasiClocks>(l, D::clocks)
            }
            "random" => {
                random::random::add_to_linker::<D, WasiRandom>(l, |d| d.ctx().ctx.random())?;
                random::insecure::add_to_linker::<D, WasiRandom>(l, |d| d.ctx().ctx.random())?;
                random::insecure_seed::add_to_linker::<D, WasiRandom>(l, |d| d.ctx().ctx.random())
            }
            "filesystem" => {
                filesystem::preopens::add_to_linker::<D, Files>(l, D::files)?;
                filesystem::types::add_to_linker::<D, Files>(l, D::files)
            }
            "sockets" => {
                let network = sockets::network::LinkOptions::default();
                sockets::network::add_to_linker::<D, WasiSockets>(l, &network, D::sockets)?;
                sockets::instance_network::add_to_linker::<D, WasiSockets>(l, D::sockets)?;
                sockets::ip_name_lookup::add_to_linker::<D, Lookup>(l, lookup)?;
                sockets::tcp::add_to_linker::<D, WasiSockets>(l, D::sockets)?;
                sockets::tcp_create_socket::add_to_linker::<D, WasiSockets>(l, D::sockets)?;
                sockets::udp::add_to_linker::<D, WasiSockets>(l, D::sockets)?;
                sockets::udp_create_socket::add_to_linker::<D, WasiSockets>(l, D::sockets)
            }
            _ => {
                let types = http::http::types::LinkOptions::default();
                http::http::types::add_to_linker::<D, WasiHttp>(l, &types, D::http)?;
                http::http::outgoing_handler::add_to_linker::<D, WasiHttp>(l, D::http)
            }
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn berth_linker_wasi(
    linker: *mut Linker,
    group: *const u8,
    len: usize,
) -> *mut CError {
    boundary(|| unsafe {
        let linker = linker
            .as_mut()
            .ok_or_else(|| Failure::invalid("no linker"))?;
        linker.wasi(&Str { data: group, len }.text())
    })
}
