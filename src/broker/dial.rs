//! How a connection to a broker comes about: our own dialling, so that TLS, IPv6, timeouts and server names are ours, and
//! `amqps` can never fall back to clear text (lapin's own dialling does, without its TLS features).

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use async_rs::{
    Runtime, Tokio,
    traits::{Executor, Reactor, RuntimeKit},
    util::Task,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use super::{Address, Error, Version, endpoint::Host, tls};

/// A byte stream to a broker, whatever carries it.
pub(super) type Stream = Compat<Box<dyn Duplex>>;

/// Both halves of a stream.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Connects to one address, in TLS where it says so, within the time.
pub(super) async fn dial(
    address: &Address,
    tls: Option<&tls::Config>,
    timeout: Duration,
) -> Result<(Stream, Overheard), Error> {
    let overheard = Overheard::default();
    let asked = Arc::clone(&overheard.asked);
    let work = async {
        let tcp = connect(address).await?;
        let stream: Box<dyn Duplex> = match tls {
            None => Box::new(tcp),
            Some(tls) => Box::new(tls.handshake(address, tcp, asked).await?),
        };
        Ok(stream)
    };
    let stream = tokio::time::timeout(timeout, work)
        .await
        .map_err(|_| Error::ConnectTimeout { host: address.to_string(), after: timeout })??;
    let stream: Box<dyn Duplex> = Box::new(Listening { stream, overheard: overheard.clone() });
    Ok((stream.compat(), overheard))
}

async fn connect(address: &Address) -> Result<TcpStream, Error> {
    let to = address.to_string();
    let candidates: Vec<SocketAddr> = match &address.host {
        Host::Ip(ip) => vec![SocketAddr::new(*ip, address.port)],
        Host::Name(name) => tokio::net::lookup_host((name.as_str(), address.port))
            .await
            .map_err(|source| Error::UnknownHost { host: name.clone(), source })?
            .collect(),
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in candidates {
        match TcpStream::connect(candidate).await {
            Ok(tcp) => {
                // Small frames must not wait for others: every acknowledgement is one.
                tcp.set_nodelay(true).map_err(|source| Error::Unreachable { host: to.clone(), source })?;
                return Ok(tcp);
            }
            Err(error) => last = error,
        }
    }
    Err(match last.kind() {
        io::ErrorKind::ConnectionRefused => Error::Refused { host: to },
        _ => Error::Unreachable { host: to, source: last },
    })
}

/// What the broker said first: lapin does not pass on the properties a server introduces itself with, and the version among
/// them decides what is safe.
#[derive(Clone, Default)]
pub(super) struct Overheard {
    bytes: Arc<Mutex<Vec<u8>>>,
    asked: Arc<AtomicBool>,
}

/// More than any broker says before it is answered.
const INTRODUCTION: usize = 4096;

impl Overheard {
    fn hear(&self, bytes: &[u8]) {
        // The lock is held for a copy only: no panic can poison it.
        if let Ok(mut heard) = self.bytes.lock() {
            let room = INTRODUCTION.saturating_sub(heard.len());
            heard.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// The version in the server's properties: a field of that name, holding a long string.
    pub(super) fn version(&self) -> Option<Version> {
        const FIELD: &[u8] = b"\x07versionS";
        let heard = self.bytes.lock().ok()?;
        let at = heard.windows(FIELD.len()).position(|window| window == FIELD)? + FIELD.len();
        let length = u32::from_be_bytes(heard.get(at..at + 4)?.try_into().ok()?);
        let text = heard.get(at + 4..at + 4 + usize::try_from(length).ok()?)?;
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    /// Whether it wanted a client's certificate, and we have none.
    pub(super) fn wanted_certificate(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether the first bytes are not AMQP's: TLS, or HTTP.
    pub(super) fn first(&self) -> Vec<u8> {
        self.bytes.lock().map(|heard| heard.iter().copied().take(8).collect()).unwrap_or_default()
    }
}

struct Listening {
    stream: Box<dyn Duplex>,
    overheard: Overheard,
}

impl AsyncRead for Listening {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let ready = Pin::new(&mut self.stream).poll_read(cx, buf);
        if before < buf.filled().len() {
            self.overheard.hear(&buf.filled()[before..]);
        }
        ready
    }
}

impl AsyncWrite for Listening {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The runtime lapin is given: tokio's, with streams of ours and no way to dial on its own.
#[derive(Clone)]
pub(super) struct Kit(Tokio);

impl Kit {
    /// On the running tokio runtime.
    pub(super) fn current() -> Runtime<Kit> {
        Runtime::new(Kit(Tokio::current()))
    }
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kit")
    }
}

impl RuntimeKit for Kit {}

impl Executor for Kit {
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn block_on<T, F: Future<Output = T>>(&self, f: F) -> T {
        self.0.block_on(f)
    }

    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(&self, f: F) -> Task<Self::Task<T>> {
        self.0.spawn(f)
    }

    fn spawn_blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, f: F) -> Task<Self::Task<T>> {
        self.0.spawn_blocking(f)
    }
}

impl Reactor for Kit {
    type TcpStream = Stream;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: io::Read + io::Write + Send + 'static>(
        &self,
        _: H,
    ) -> io::Result<impl futures_io::AsyncRead + futures_io::AsyncWrite + Send + Unpin + 'static> {
        // Asked for sockets that were not dialled asynchronously; ours always are.
        Err::<Stream, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, dur: Duration) -> Self::Sleep {
        self.0.sleep(dur)
    }

    fn interval(&self, dur: Duration) -> impl futures_core::Stream<Item = Instant> + Send + 'static {
        self.0.interval(dur)
    }

    fn tcp_connect_addr(&self, _: SocketAddr) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        std::future::ready(Err(io::Error::other("connections are dialled before lapin is asked")))
    }
}
