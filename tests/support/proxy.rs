//! A wire between evbus and a broker that a test can cut, or let swallow everything.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::live::Live;

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
    for (from, to) in [(client.try_clone()?, broker.try_clone()?), (broker, client)] {
        let shared = Arc::clone(shared);
        thread::spawn(move || pass_on(&shared, from, to));
    }
    Ok(())
}

fn pass_on(shared: &Shared, mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 1 << 16];
    while let Ok(read) = from.read(&mut bytes) {
        if read == 0 {
            break;
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
