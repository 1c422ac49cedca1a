//! A question, and a whole line as its answer: one key that slips moves nothing.

use std::{
    io,
    sync::mpsc::{RecvTimeoutError, channel},
    time::Duration,
};

use console::Term;
use dialoguer::Input;
use rustix::termios::{OptionalActions, QueueSelector, tcflush, tcgetattr, tcsetattr};

use super::Consent;

/// How often it is looked whether the run is to end: a signal does not end the reading of a key.
const TICK: Duration = Duration::from_millis(50);

/// What came of a question.
pub(super) enum Answer<T> {
    /// It was answered.
    Given(T),
    /// It could not be asked to the end.
    Failed(io::Error),
    /// The run is to end first.
    Stopped,
}

/// Asks on stderr and reads the answer from stdin, which is a terminal.
pub(super) fn ask(question: &str, stopped: impl Fn() -> bool) -> Consent {
    let prompt = format!("{question} [y/N]");
    let asked = answer(stopped, move || {
        // Not `Confirm`: there a `y` anywhere in a line says yes.
        let asked = Input::<String>::new().with_prompt(prompt).allow_empty(true).interact_text();
        asked.map_err(|dialoguer::Error::IO(error)| error)
    });
    match asked {
        Answer::Given(line) if is_yes(&line) => Consent::Given,
        Answer::Failed(error) if error.kind() == io::ErrorKind::Interrupted => Consent::Interrupted,
        Answer::Given(_) | Answer::Failed(_) => Consent::Refused,
        Answer::Stopped => Consent::Interrupted,
    }
}

/// Has somebody answer at the terminal, which is left as it was however that ends.
pub(super) fn answer<T: Send + 'static>(
    stopped: impl Fn() -> bool,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Answer<T> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin).ok();
    // What was typed before the question could be read answers something else.
    let _ = tcflush(&stdin, QueueSelector::IFlush);
    let (tell, told) = channel();
    std::thread::spawn(move || {
        // Nobody listens any more where the run has ended meanwhile.
        let _ = tell.send(work());
    });
    let answer = loop {
        match told.recv_timeout(TICK) {
            Ok(Ok(given)) => return Answer::Given(given),
            Ok(Err(error)) => break Answer::Failed(error),
            Err(RecvTimeoutError::Disconnected) => break Answer::Failed(io::ErrorKind::Other.into()),
            Err(RecvTimeoutError::Timeout) if stopped() => break Answer::Stopped,
            Err(RecvTimeoutError::Timeout) => (),
        }
    };
    // A question that ends without an answer leaves the terminal as it needed it: raw, without a cursor, in the middle of a line.
    if let Some(before) = before {
        let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
    }
    let terminal = Term::stderr();
    let _ = terminal.show_cursor();
    let _ = terminal.write_line("");
    answer
}

/// Whether a line says yes; whatever else it says is a no.
fn is_yes(line: &str) -> bool {
    let word = line.trim();
    word.eq_ignore_ascii_case("y") || word.eq_ignore_ascii_case("yes")
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(["y", "Y", " yes ", "YES"].into_iter().all(is_yes));
        assert!(!["", "n", "yy", "yes please", "ye", "j", "maybe"].into_iter().any(is_yes));
    }
}
