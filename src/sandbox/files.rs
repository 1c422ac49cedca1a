//! The folder of a sandbox: configuration, cookie, data, logs, and a lock that says whether anybody still uses it.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
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

    pub(super) fn console(&self) -> io::Result<Stdio> {
        Ok(File::create(self.folder.path().join(CONSOLE))?.into())
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

/// Takes a folder's lock for as long as the file lives; `None` where somebody has it.
pub(super) fn lock(folder: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(folder.join(LOCK))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Clears away what killed keepers left: folders whose lock is free and that are not just being set up.
pub(super) fn clear_stale() {
    let Ok(entries) = fs::read_dir(home()) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // A folder without a lock file has no keeper yet: it is being set up.
        if is_ours
            && path.join(LOCK).exists()
            && let Ok(Some(_lock)) = lock(&path)
        {
            server::end_orphan(&path);
            // Somebody else's, or on a disk that refuses: the next start tries again.
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// The last lines a server wrote.
pub(super) fn last_words(folder: &Path) -> String {
    let text = fs::read(folder.join(CONSOLE)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}
