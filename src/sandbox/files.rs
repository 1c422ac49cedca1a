//! The folder of a sandbox: configuration, cookie, data, logs, and a lock that says whether anybody still uses it.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Seek},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};

use super::server::{self, Ports};

/// What the folders' names start with.
const PREFIX: &str = "evbus-sandbox-";
const LOCK: &str = "lock";
const CONSOLE: &str = "console";

/// A new folder. It is removed when this is dropped, unless it is handed on.
pub(super) struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    pub(super) fn create(server: &Path, ports: &Ports) -> io::Result<Files> {
        let folder =
            tempfile::Builder::new().prefix(PREFIX).permissions(Permissions::from_mode(0o700)).tempdir_in(home())?;
        let path = folder.path();
        for (name, text) in server::configuration(path, server, ports) {
            let mut options = OpenOptions::new();
            // The Erlang cookie must be the owner's alone, or the server refuses it.
            options.write(true).create_new(true).mode(0o600);
            io::Write::write_all(&mut options.open(path.join(name))?, text.as_bytes())?;
        }
        fs::set_permissions(path.join(server::COOKIE), Permissions::from_mode(0o400))?;
        Ok(Files { folder })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the server's words go. They can be read from here also when the keeper has removed the folder.
    pub(super) fn console(&self) -> io::Result<Console> {
        let path = self.folder.path().join(CONSOLE);
        Ok(Console(OpenOptions::new().create(true).append(true).read(true).open(path)?))
    }

    /// Hands the folder on to its keeper.
    pub(super) fn into_folder(self) -> PathBuf {
        self.folder.keep()
    }
}

/// Where the folders are: a place that server launchers in a changed root see as well.
fn home() -> PathBuf {
    let shared = Path::new("/tmp");
    if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() }
}

/// Makes the lock of a folder that has none yet, and takes it for as long as the file lives. It appears under its name only
/// when it is taken, so that nobody can find it free while the sandbox is being set up.
pub(super) fn new_lock(folder: &Path) -> io::Result<File> {
    let unseen = folder.join("lock.new");
    let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&unseen)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    fs::rename(unseen, folder.join(LOCK))?;
    Ok(file)
}

/// Takes a folder's lock for as long as the file lives; `None` where somebody has it.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().append(true).open(folder.join(LOCK))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// How long a folder may be without a lock: it is being set up. Locks are made within milliseconds.
const SETTING_UP: Duration = Duration::from_secs(600);

/// Clears away what killed keepers left: folders whose lock is free, and those that never got one.
pub(super) fn clear_stale() {
    let Ok(entries) = fs::read_dir(home()) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(data) = entry.metadata() else { continue };
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && data.is_dir()
            && data.uid() == rustix::process::getuid().as_raw();
        if !is_ours {
            continue;
        }
        let _lock = match lock(&path) {
            Ok(Some(free)) => Some(free),
            Err(error) if error.kind() == io::ErrorKind::NotFound && older(&data, SETTING_UP) => None,
            // Kept by somebody, or being set up.
            Ok(None) | Err(_) => continue,
        };
        server::end_orphan(&path);
        // On a disk that refuses the next start tries again.
        let _ = fs::remove_dir_all(&path);
    }
}

fn older(data: &fs::Metadata, than: Duration) -> bool {
    data.modified().ok().and_then(|time| time.elapsed().ok()).is_some_and(|age| age > than)
}

/// What a server and its keeper write.
pub(super) struct Console(File);

impl Console {
    /// Another end to write to.
    pub(super) fn writer(&self) -> io::Result<Stdio> {
        Ok(self.0.try_clone()?.into())
    }

    /// The last lines.
    pub(super) fn last_words(mut self) -> String {
        let mut bytes = Vec::new();
        // What cannot be read has not been said.
        let _ = self.0.rewind().and_then(|()| self.0.read_to_end(&mut bytes));
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}
