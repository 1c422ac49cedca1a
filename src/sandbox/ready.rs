//! Whether a new server answers, on both of its ports.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

pub(super) const ENDED: &str = "ended while it was starting";
const SILENT: &str = "did not answer in time";

/// Why it never did.
pub(super) enum Never {
    /// Nobody wanted to wait.
    Interrupted,
    /// What happened instead.
    NotReady(&'static str),
}

/// Waits until both ports answer.
pub(super) fn wait(
    amqp: u16,
    management: u16,
    patience: Duration,
    interrupted: &impl Fn() -> bool,
    mut lives: impl FnMut() -> bool,
) -> Result<(), Never> {
    let deadline = Instant::now() + patience;
    loop {
        if interrupted() {
            return Err(Never::Interrupted);
        }
        if !lives() {
            return Err(Never::NotReady(ENDED));
        }
        if speaks_amqp(amqp).unwrap_or(false) && answers(management).unwrap_or(false) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Never::NotReady(SILENT));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(stream)
}

/// An AMQP broker answers the protocol header with a method frame on channel 0.
fn speaks_amqp(port: u16) -> io::Result<bool> {
    let mut stream = connect(port)?;
    stream.write_all(b"AMQP\x00\x00\x09\x01")?;
    let mut frame = [0; 3];
    stream.read_exact(&mut frame)?;
    Ok(frame == [1, 0, 0])
}

/// The management API answers 200 to the user every new server has (`guest:guest`, in base 64).
fn answers(port: u16) -> io::Result<bool> {
    let mut stream = connect(port)?;
    write!(stream, "GET /api/overview HTTP/1.0\r\nHost: localhost\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer.ends_with(b" 200"))
}
