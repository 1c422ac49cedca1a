//! The program at a terminal of 80 columns and 24 rows, as somebody would see it over ssh.

use std::path::Path;

use rexpect::session::PtySession;
use rustix::termios::{Winsize, tcsetwinsize};

use super::{live::Live, run::program};

/// The program at a terminal, told to use the broker of this test.
///
/// # Panics
/// When there is no terminal.
pub fn at_a_terminal(live: &Live, folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> PtySession {
    let mut command = std::process::Command::new(program());
    command
        .args(arguments)
        .env_clear()
        .env("TERM", "xterm")
        .env("EVBUS_STATE_DIR", super::run::STATE)
        .env("PATH", "/usr/bin:/bin")
        .current_dir(folder);
    command.env("EVBUS_URL", live.url()).env("EVBUS_MANAGEMENT_URL", live.management_url());
    command.envs(environment.iter().copied());
    let session = rexpect::session::spawn_command(command, Some(30_000)).expect("a terminal");
    let terminal = session.process().get_file_handle().expect("its file");
    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).expect("it has that size");
    session
}

/// The rest of what it shows, once it has ended with that code.
///
/// # Panics
/// When it ends otherwise.
#[track_caller]
pub fn ends_with(mut session: PtySession, code: i32) -> String {
    let rest = session.exp_eof().expect("it ends");
    let status = format!("{:?}", session.process().wait());
    assert!(status.ends_with(&format!(", {code}))")), "{status}, and not {code}: {rest}");
    rest
}
