//! The process that carries a sandbox's server, and clears up when nobody wants it any more.

use std::{
    fs, io,
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use super::{files, server};

/// Runs the server of a folder until stdin ends or the server does; then nothing of it is left.
///
/// # Errors
/// When the server could not be started.
pub fn keep(folder: &Path) -> io::Result<()> {
    let _lock = files::new_lock(folder)?;
    let started = server::start(folder);
    let outcome = match started {
        Ok(mut child) => {
            let unwanted = end_of_stdin();
            while matches!(unwanted.recv_timeout(Duration::from_millis(100)), Err(RecvTimeoutError::Timeout))
                && matches!(child.try_wait(), Ok(None))
            {}
            server::end(folder, &mut child);
            Ok(())
        }
        Err(error) => Err(error),
    };
    // Files that are written while they are removed make it fail; the server is gone, so a second time suffices.
    fs::remove_dir_all(folder).or_else(|_| fs::remove_dir_all(folder)).ok();
    outcome
}

/// Tells when stdin ends: when whoever wanted the sandbox has let go of the pipe or is gone.
fn end_of_stdin() -> mpsc::Receiver<()> {
    let (tell, ended) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(tell);
    });
    ended
}
