//! What cannot be parsed, told as every other failure is: as JSON where that is wanted, and without a password.

use std::{borrow::Cow, ffi::OsString};

use clap::error::ErrorKind;

use crate::{
    exit::Exit,
    failure::Failure,
    settings::redacted,
    terminal::{Format, Manner, Terminal},
};

/// Tells it, and says how that ends the process. Help and version are answers; everything else is wrong usage.
pub fn told(error: &clap::Error, arguments: &[OsString]) -> Exit {
    if !error.use_stderr() {
        // Nobody is left to tell when printing fails.
        let _ = error.print();
        return Exit::Done;
    }
    let arguments: Vec<Cow<'_, str>> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let text = error.render().to_string();
    let shown = without_credentials(&text, &arguments);
    if wants_json(&arguments) {
        let terminal = Terminal::of_process(Manner { format: Format::Json, ..Manner::default() });
        terminal.failure(&failure(error.kind(), &shown));
    } else if shown == text {
        let _ = error.print();
    } else {
        Terminal::of_process(Manner::default()).signal(shown.trim_end());
    }
    Exit::Usage
}

/// The text without the credentials of any argument that it repeats. The arguments are what is looked for, and not what a URL looks
/// like: a password may hold anything.
fn without_credentials(text: &str, arguments: &[Cow<'_, str>]) -> String {
    arguments.iter().fold(text.to_owned(), |text, argument| match redacted(argument) {
        // Of a flag with its value, either may be repeated alone.
        Some(shown) => {
            let text = text.replace(&**argument, &shown);
            match (argument.split_once('='), shown.split_once('=')) {
                (Some((_, value)), Some((_, shown))) => text.replace(value, shown),
                _ => text,
            }
        }
        None => text,
    })
}

/// Whether the last `-o` among the arguments asks for JSON. What cannot be parsed can still be read that far.
fn wants_json(arguments: &[Cow<'_, str>]) -> bool {
    let mut json = false;
    let mut arguments = arguments.iter().skip(1).take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        let value = if argument == "--output" {
            arguments.next().map(|value| &**value)
        } else if let Some(value) = argument.strip_prefix("--output=") {
            Some(value)
        } else if let Some(letters) = argument.strip_prefix('-').filter(|letters| !letters.starts_with('-')) {
            // As clap reads it: flags without a value may stand before it in the same word.
            match letters.trim_start_matches(['q', 'v']).strip_prefix('o') {
                Some("") => arguments.next().map(|value| &**value),
                Some(value) => Some(value.trim_start_matches('=')),
                None => None,
            }
        } else {
            None
        };
        if let Some(value) = value {
            json = value == "json";
        }
    }
    json
}

/// The parser's text, taken apart: its first paragraph is what is wrong, a tip is what to do.
fn failure(kind: ErrorKind, text: &str) -> Failure {
    const HELP: &str = "evbus --help shows what can be typed, and --help behind a command what belongs to it";
    if matches!(kind, ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) {
        return Failure::usage("usage", "a command is missing").hint(HELP);
    }
    let mut paragraphs = text.split("\n\n");
    let mut first = paragraphs.next().unwrap_or_default().lines();
    let message = first.next().unwrap_or_default().trim_start_matches("error: ");
    let failure = first.fold(Failure::usage("usage", message), |failure, line| failure.because(line.trim()));
    let tip = paragraphs.flat_map(str::lines).find_map(|line| line.trim().strip_prefix("tip: "));
    failure.hint(tip.unwrap_or(HELP).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wish_for_json_is_read_as_the_parser_would_read_it() {
        let wants = |line: &str| wants_json(&line.split(' ').map(Cow::from).collect::<Vec<_>>());
        for yes in ["e -o json", "e -ojson x", "e x -o=json", "e --output json", "e --output=json", "e -qo json"] {
            assert!(wants(yes), "{yes}");
        }
        for no in ["e json", "e -o table", "e -o json -o table", "e sandbox -- -o json", "e --o json"] {
            assert!(!wants(no), "{no}");
        }
    }
}
