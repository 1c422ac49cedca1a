//! What the exit codes mean. The README's table is compared with [`Exit::ALL`] by a test.

/// How a run ended, as a script sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done; also when there was nothing to do, `--limit` was reached, or the reader closed the pipe.
    Done,
    /// Failed, and nothing was done.
    Failed,
    /// Wrong usage, a malformed file, or consent that was not given.
    Usage,
    /// Partly done: something selected was not done and is where it was.
    Partial,
    /// Differs from, or exceeds, what was asked for.
    Differs,
    /// Interrupted, after an orderly stop.
    Interrupted,
    /// What the command in a sandbox ended with.
    Command(u8),
}

impl Exit {
    /// Every exit of our own, in the order of the table.
    pub const ALL: [Exit; 6] = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Partial, Exit::Differs, Exit::Interrupted];

    /// The number the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Partial => 3,
            Exit::Differs => 4,
            Exit::Interrupted => 130,
            Exit::Command(code) => code,
        }
    }

    /// The row of the documented table.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Exit::Done => {
                "done; also when there was nothing to do, `--limit` was reached, or the reader closed the pipe"
            }
            Exit::Failed => "failed, nothing done (unknown queue, no broker, every selected message refused)",
            Exit::Usage => "wrong usage, malformed file, or refused for want of consent",
            Exit::Partial => "partly done: something selected was not done and is where it was",
            Exit::Differs => {
                "differs or exceeds (`plan --exit-code`, `lint` with errors, `tail --expect`, `route` to no queue)"
            }
            Exit::Interrupted => "interrupted, after an orderly stop",
            Exit::Command(_) => "what the command in the sandbox ended with",
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
