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

/// Asks on stderr and reads the answer from stdin, which is a terminal.
pub(super) fn ask(question: &str, stopped: impl Fn() -> bool) -> Consent {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin).ok();
    // What was typed before the question could be read answers something else.
    let _ = tcflush(&stdin, QueueSelector::IFlush);
    let (tell, told) = channel();
    let prompt = format!("{question} [y/N]");
    std::thread::spawn(move || {
        // Not `Confirm`: there a `y` anywhere in a line says yes.
        let asked = Input::<String>::new().with_prompt(prompt).allow_empty(true).interact_text();
        // Nobody listens any more where the run has ended meanwhile.
        let _ = tell.send(asked);
    });
    let consent = loop {
        match told.recv_timeout(TICK) {
            Ok(Ok(line)) => break if is_yes(&line) { Consent::Given } else { Consent::Refused },
            Ok(Err(dialoguer::Error::IO(error))) if error.kind() == io::ErrorKind::Interrupted => {
                break Consent::Interrupted;
            }
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => break Consent::Refused,
            Err(RecvTimeoutError::Timeout) if stopped() => break Consent::Interrupted,
            Err(RecvTimeoutError::Timeout) => (),
        }
    };
    if consent != Consent::Given {
        // A question that ends without an answer leaves the terminal as it needed it: raw, without a cursor, in the middle of a line.
        if let Some(before) = before {
            let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
        }
        let terminal = Term::stderr();
        let _ = terminal.show_cursor();
        if consent == Consent::Interrupted {
            let _ = terminal.write_line("");
        }
    }
    consent
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
