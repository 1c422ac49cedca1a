//! Running the program as somebody would.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    io::Write,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// A run of evbus that is being put together.
pub struct Run {
    command: Command,
    input: Option<Vec<u8>>,
}

/// The program under test.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_evbus"))
}

/// Where the runs of tests keep their journals.
pub const STATE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/state");

/// A run with these arguments, in an empty environment.
pub fn evbus<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    let mut command = Command::new(program());
    command.env_clear().env("PATH", "/usr/bin:/bin").env("COLUMNS", "100").env("USER", "tester");
    command.env("EVBUS_STATE_DIR", STATE);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Run { command, input: None }
}

impl Run {
    /// With this in the environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Run {
        self.command.env(name, value);
        self
    }

    /// In this folder.
    pub fn within(mut self, folder: impl AsRef<std::path::Path>) -> Run {
        self.command.current_dir(folder);
        self
    }

    /// With more arguments.
    pub fn and<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Run {
        self.command.args(arguments);
        self
    }

    /// With one more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Run {
        self.command.arg(argument);
        self
    }

    /// With this on stdin.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Run {
        self.input = Some(input.into());
        self
    }

    /// Starts it and lets it run.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(mut self) -> Child {
        if self.input.is_some() {
            self.command.stdin(Stdio::piped());
        }
        let mut child = self.command.spawn().expect("the program under test starts");
        if let (Some(input), Some(mut stdin)) = (self.input, child.stdin.take()) {
            // The program may end before it has read everything.
            std::thread::spawn(move || stdin.write_all(&input).ok());
        }
        child
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn done(self) -> Done {
        Done(ended(self.start()))
    }
}

/// What a run came to. One that does not end within four minutes is killed, and its test sees that: no test may hang.
///
/// # Panics
/// When it cannot be waited for.
pub fn ended(child: Child) -> Output {
    let (tell, over) = mpsc::channel::<()>();
    let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    std::thread::spawn(move || {
        if over.recv_timeout(Duration::from_secs(240)) == Err(RecvTimeoutError::Timeout) {
            let _ = process.map(|process| kill_process(process, Signal::KILL));
        }
    });
    let output = child.wait_with_output().expect("the program under test ends");
    drop(tell);
    output
}

/// A run that has ended.
pub struct Done(Output);

impl Done {
    /// What a run that was started comes to.
    pub fn of(child: Child) -> Done {
        Done(ended(child))
    }

    /// What it ended with.
    pub fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    /// Its stdout.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    /// Its stdout, byte for byte.
    pub fn bytes(&self) -> &[u8] {
        &self.0.stdout
    }

    /// Its stderr.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// The lines of its stdout as JSON.
    ///
    /// # Panics
    /// When one is not.
    pub fn json(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out().lines().map(parse).collect()
    }

    /// The summary line of its stdout.
    ///
    /// # Panics
    /// When there is none.
    pub fn summary(&self) -> serde_json::Value {
        let last = self.json().pop().unwrap_or_else(|| panic!("no summary\n{}", self.whole()));
        assert_eq!(last["event"], "summary", "{}", self.whole());
        last
    }

    /// It ended with this code.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Done {
        assert_eq!(self.code(), Some(code), "\n{}", self.whole());
        self
    }

    /// Everything there is to see of it, as one text.
    pub fn whole(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "exit {}", self.code().map_or_else(|| "by a signal".to_owned(), |code| code.to_string()));
        for (name, stream) in [("stdout", self.out()), ("stderr", self.err())] {
            if !stream.is_empty() {
                let _ = write!(text, "--- {name}\n{stream}");
                if !stream.ends_with('\n') {
                    text.push('\n');
                }
            }
        }
        text
    }
}
