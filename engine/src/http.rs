//! Outgoing HTTP for `wasi:http`: a decision per request, then per address actually dialled, TLS,
//! and an HTTP/1.1 exchange with bounded times and sizes. Redirects and proxies are not followed.

use crate::wasi::{HTTP_CONNECT, Hooks};
use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, timeout};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

/// What a guest gets when it asks for nothing, and the most it may ask for.
const DEFAULT_CONNECT: Duration = Duration::from_secs(30);
const DEFAULT_FIRST_BYTE: Duration = Duration::from_secs(60);
const DEFAULT_BETWEEN_BYTES: Duration = Duration::from_secs(60);
const MAX_TIMEOUT: Duration = Duration::from_secs(600);
/// Bytes buffered of one response: bounds its head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 256;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// The hook object of one store.
pub struct Http {
    hooks: Hooks,
    extra_ca_pem: Vec<u8>,
    /// Made for the first https request.
    tls: OnceLock<Arc<rustls::ClientConfig>>,
}

impl Http {
    pub fn new(hooks: Hooks, extra_ca_pem: Vec<u8>) -> Http {
        Http {
            hooks,
            extra_ca_pem,
            tls: OnceLock::new(),
        }
    }

    fn tls(&self) -> Result<Arc<rustls::ClientConfig>, Error> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let mut roots = rustls::RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.into(),
        };
        for certificate in CertificateDer::pem_slice_iter(&self.extra_ca_pem) {
            let added = certificate.ok().and_then(|c| roots.add(c).ok());
            added.ok_or(Error::ConfigurationError)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| Error::ConfigurationError)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(self.tls.get_or_init(|| Arc::new(config)).clone())
    }

    /// What may be dialled for `request`, or why nothing may.
    fn target(&self, request: &Request<WasiBody>) -> Result<Target, Error> {
        let uri = request.uri();
        let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
        // Credentials in an authority only serve to mislead whoever reads it.
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(Error::HttpRequestUriInvalid);
        }
        let https = uri.scheme() == Some(&Scheme::HTTPS);
        let scheme = if https { "https" } else { "http" };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let method = request.method().as_str();
        if !self.hooks.http(method, scheme, authority.as_str(), path) {
            return Err(Error::HttpRequestDenied);
        }
        let host = authority.host();
        let host = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        Ok(Target {
            host: host.to_string(),
            port: authority.port_u16().unwrap_or(if https { 443 } else { 80 }),
            tls: if https { Some(self.tls()?) } else { None },
            hooks: self.hooks,
        })
    }
}

struct Target {
    host: String,
    port: u16,
    tls: Option<Arc<rustls::ClientConfig>>,
    hooks: Hooks,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Target {
    /// Connects to the first candidate address that is allowed and answers. The decision is about
    /// the very address that is dialled, so a name that changes its mind gains nothing.
    async fn dial(&self) -> Result<TcpStream, Error> {
        let candidates: Vec<SocketAddr> = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(|e| Error::DnsError {
                rcode: Some(e.to_string()),
                info_code: None,
            })?
            .collect();
        let mut last = Error::DestinationNotFound;
        let mut denied = 0;
        for addr in &candidates {
            let canonical = SocketAddr::new(addr.ip().to_canonical(), addr.port());
            if !self.hooks.connect(HTTP_CONNECT, canonical) {
                denied += 1;
                continue;
            }
            match TcpStream::connect(canonical).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Error::Connect(error),
            }
        }
        if denied > 0 && denied == candidates.len() {
            return Err(Error::DestinationIpProhibited);
        }
        Err(last)
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, Error> {
        let stream = self.dial().await?;
        // A request is written at once; waiting for more only delays it.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let name =
            ServerName::try_from(self.host.clone()).map_err(|_| Error::HttpRequestUriInvalid)?;
        let stream = tokio_rustls::TlsConnector::from(tls.clone())
            .connect(name, stream)
            .await
            .map_err(Error::Tls)?;
        Ok(Box::new(stream))
    }
}

fn bounded(wanted: Option<Duration>, default: Duration) -> Duration {
    wanted
        .unwrap_or(default)
        .clamp(Duration::from_millis(1), MAX_TIMEOUT)
}

/// The response body, with a limit on the time between two frames.
struct Timed {
    inner: hyper::body::Incoming,
    limit: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Body for Timed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(frame)) => {
                let next = Instant::now() + self.limit;
                self.timer.as_mut().reset(next);
                Poll::Ready(Some(frame.map_err(Error::from)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let expired = self.timer.as_mut().poll(cx);
                expired.map(|()| Some(Err(Error::ConnectionReadTimeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

async fn exchange(
    target: Target,
    mut request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<(Response<WasiBody>, Io), Error> {
    let connect_limit = bounded(options.connect_timeout, DEFAULT_CONNECT);
    let first_byte = bounded(options.first_byte_timeout, DEFAULT_FIRST_BYTE);
    let between = bounded(options.between_bytes_timeout, DEFAULT_BETWEEN_BYTES);
    let stream = timeout(connect_limit, target.connect())
        .await
        .map_err(|_| Error::ConnectionTimeout)??;
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await?;
    // Aborted when this future is dropped; otherwise handed on to carry the body.
    let mut driver = Driver(tokio::spawn(connection));
    // Only a proxy is told scheme and authority; they are in the Host header.
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let response = timeout(first_byte, sender.send_request(request))
        .await
        .map_err(|_| Error::ConnectionReadTimeout)??;
    let response = response.map(|inner| {
        let timer = Box::pin(tokio::time::sleep(between));
        Timed {
            inner,
            limit: between,
            timer,
        }
        .boxed_unsync()
    });
    let io = async move {
        match (&mut driver.0).await {
            Ok(result) => result.map_err(Error::from),
            Err(_) => Err(Error::ConnectionTerminated),
        }
    };
    Ok((response, Box::new(io)))
}

/// Drives one connection; ends with whoever holds it.
struct Driver(tokio::task::JoinHandle<hyper::Result<()>>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl WasiHttpHooks for Http {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        // Reports errors of the response body; hyper reports them on the body itself.
        _processed: Io,
    ) -> Box<dyn Future<Output = wasmtime_wasi_http::Result<(Response<WasiBody>, Io)>> + Send> {
        let target = self.target(&request);
        Box::new(async move { exchange(target?, request, options.unwrap_or_default()).await })
    }
}
