//! A wire between evbus and a broker that a test can cut, or let swallow everything.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use super::live::Live;

/// How often it is asked whether what is held may go on.
const PAUSE: Duration = Duration::from_millis(3);

/// Passes on whatever comes, both ways, until the test wants otherwise.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    /// `host:port` of the broker.
    to: String,
    /// Nothing is passed on any more: what comes is read and forgotten, both ways.
    swallows: AtomicBool,
    /// Nothing is passed on for now.
    is_held: AtomicBool,
    /// How many bytes clients may send before everything is held.
    allowance: AtomicU64,
    /// Nobody is listened to any more.
    is_over: AtomicBool,
    /// Both ends of every connection.
    ends: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// One before the broker of that test.
    ///
    /// # Panics
    /// When there is no port for it.
    pub fn before(live: &Live) -> Proxy {
        let url = live.server_url();
        let to = url.rsplit(['@', '/']).next().unwrap_or(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared {
            to,
            swallows: AtomicBool::new(false),
            is_held: AtomicBool::new(false),
            allowance: AtomicU64::new(u64::MAX),
            is_over: AtomicBool::new(false),
            ends: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serving.is_over.load(Ordering::SeqCst) {
                    break;
                }
                // A broker that is down refuses: so does this one.
                let _ = join(&serving, client);
            }
        });
        Proxy { port, shared }
    }

    /// The broker's address with the test's virtual host, through this wire.
    pub fn url(&self, live: &Live) -> String {
        live.url().replacen(&self.shared.to, &format!("127.0.0.1:{}", self.port), 1)
    }

    /// From now on nothing comes through, and nobody is told: neither what is sent on open connections, nor on new ones.
    pub fn swallow(&self) {
        self.shared.swallows.store(true, Ordering::SeqCst);
        self.release();
    }

    /// Passes nothing more on, either way, when clients have sent so many bytes; and forgets nothing.
    pub fn hold_after(&self, bytes: u64) {
        self.shared.allowance.store(bytes, Ordering::SeqCst);
    }

    /// Whether it has come to that.
    pub fn is_held(&self) -> bool {
        self.shared.is_held.load(Ordering::SeqCst)
    }

    /// Passes on what was held, and all that follows.
    pub fn release(&self) {
        self.hold_after(u64::MAX);
        self.shared.is_held.store(false, Ordering::SeqCst);
    }

    /// Cuts every connection there is, towards both of its ends. New ones are passed on.
    ///
    /// # Panics
    /// When a thread that served one has panicked.
    pub fn cut(&self) {
        for end in self.shared.ends.lock().expect("the ends").drain(..) {
            // One that has ended by itself is cut already.
            let _ = end.shutdown(Shutdown::Both);
        }
        self.release();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.cut();
        // It waits for the next one to come.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Serves one connection.
fn join(shared: &Arc<Shared>, client: TcpStream) -> std::io::Result<()> {
    let broker = TcpStream::connect(&shared.to)?;
    let ends = [client.try_clone()?, broker.try_clone()?];
    shared.ends.lock().map_err(|_| std::io::ErrorKind::Other)?.extend(ends);
    for (from, to, is_client) in [(client.try_clone()?, broker.try_clone()?, true), (broker, client, false)] {
        let shared = Arc::clone(shared);
        thread::spawn(move || pass_on(&shared, from, to, is_client));
    }
    Ok(())
}

fn pass_on(shared: &Shared, mut from: TcpStream, mut to: TcpStream, is_client: bool) {
    let mut bytes = [0; 1 << 13];
    while let Ok(read) = from.read(&mut bytes) {
        if read == 0 {
            break;
        }
        if is_client {
            let spend = |allowance: u64| allowance.checked_sub(if allowance == u64::MAX { 0 } else { read as u64 });
            if shared.allowance.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend).is_err() {
                shared.is_held.store(true, Ordering::SeqCst);
            }
        }
        while shared.is_held.load(Ordering::SeqCst) && !shared.is_over.load(Ordering::SeqCst) {
            thread::sleep(PAUSE);
        }
        if !shared.swallows.load(Ordering::SeqCst) && to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    // In a black hole an end is not told of either.
    if !shared.swallows.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Both);
    }
}
