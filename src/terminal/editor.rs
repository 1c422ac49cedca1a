//! A file in somebody's editor, which has the terminal meanwhile.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::{
    process::{Pid, Signal, kill_process},
    termios::{OptionalActions, tcgetattr, tcsetattr},
};
use tokio::process::Command;

/// How long an editor that is asked to end is waited for.
const PARTING: Duration = Duration::from_secs(2);

/// Opens it, and returns when the editor has ended; `None` when `stopped` was first.
///
/// The editor is a command line, as in `VISUAL="code --wait"`, to which the file is added.
pub(super) async fn edit(
    editor: &str,
    file: &Path,
    stopped: impl Future<Output = ()>,
) -> io::Result<Option<ExitStatus>> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin).ok();
    // stdout may be a pipe: what an editor draws goes where talk goes, which is a terminal.
    let screen: OwnedFd = io::stderr().as_fd().try_clone_to_owned()?;
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{editor} \"$@\""), "evbus"]).arg(file).stdout(Stdio::from(screen));
    let mut child = command.spawn()?;
    let ended = tokio::select! {
        ended = child.wait() => Some(ended),
        () = stopped => None,
    };
    if let Some(ended) = ended {
        return ended.map(Some);
    }
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
        let _ = tokio::time::timeout(PARTING, child.wait()).await;
    }
    if let Some(before) = before {
        let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
    }
    Ok(None)
}
