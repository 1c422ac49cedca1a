//! How the story is told.

use crate::{
    ops::demo::Event,
    terminal::{Closed, Terminal},
};

/// One event.
///
/// # Errors
/// When the reader has gone.
pub fn event(terminal: &mut Terminal, event: &Event<'_>) -> Result<(), Closed> {
    match event {
        Event::Tell(text) => {
            terminal.line("")?;
            for line in wrapped(text, terminal.width().min(100).into()) {
                let line = terminal.styled(&console::Style::new().bold(), &line);
                terminal.line(&line)?;
            }
        }
        Event::Run(command) => {
            terminal.line("")?;
            let line = terminal.styled(&console::Style::new().cyan(), &format!("$ {command}"));
            terminal.line(&line)?;
        }
        Event::Output(line) => terminal.line(&terminal.foreign(line))?,
    }
    terminal.flush()
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
