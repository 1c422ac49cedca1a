//! THE ONE PEN: streams, colour, width, quiet, broken pipes, prompts and progress. Nothing else prints.
//!
//! stdout is data, stderr is talk. Foreign text (names, headers, bodies) loses its control characters when the stream is
//! a terminal and keeps every byte in a pipe.

mod editor;
mod foreign;
mod picking;
mod progress;
mod prompt;
mod shell;

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
};

use indicatif::{ProgressBar, WeakProgressBar};

pub use foreign::neutralise;
pub use picking::Picked;
pub use progress::Progress;
pub use shell::word;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Also in a pipe.
    Always,
    /// Not at all.
    Never,
}

/// How data is written to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs: one document, or one object per line.
    Json,
}

/// Why nothing more can be written to stdout.
#[derive(Debug)]
pub enum Closed {
    /// The reader of the pipe went away. Not an error: `| head` has seen enough.
    Reader,
    /// Writing failed otherwise (a full disk).
    Failed(io::Error),
}

impl From<io::Error> for Closed {
    fn from(error: io::Error) -> Closed {
        if error.kind() == io::ErrorKind::BrokenPipe { Closed::Reader } else { Closed::Failed(error) }
    }
}

/// What the pen is told at the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// When to colour.
    pub colour: Colour,
    /// How data is written.
    pub format: Format,
    /// Say only what matters.
    pub quiet: bool,
    /// Never prompt.
    pub no_input: bool,
    /// Consent was given on the command line.
    pub yes: bool,
    /// Columns to assume instead of asking the terminal.
    pub width: Option<u16>,
    /// `NO_COLOR` is set.
    pub no_colour_wish: bool,
}

/// The answer to a question of consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Go ahead.
    Given,
    /// The operator did not say yes.
    Refused,
    /// The operator wants to stop (Ctrl-C at the question).
    Interrupted,
    /// Nobody could be asked: no terminal, or `--no-input`.
    Unasked,
}

/// Streams, colour, width, prompts and progress.
pub struct Terminal {
    out: io::BufWriter<Box<dyn Write + Send>>,
    manner: Manner,
    out_is_terminal: bool,
    err_is_terminal: bool,
    in_is_terminal: bool,
    stopped: Box<dyn Fn() -> bool + Send + Sync>,
    /// The bar that is shown, if it still is: whatever is written goes above it.
    bar: Mutex<WeakProgressBar>,
}

impl Terminal {
    /// The process's own streams.
    #[must_use]
    pub fn of_process(manner: Manner) -> Terminal {
        Terminal {
            out: io::BufWriter::with_capacity(64 * 1024, Box::new(io::stdout())),
            manner,
            out_is_terminal: io::stdout().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
            in_is_terminal: io::stdin().is_terminal(),
            stopped: Box::new(|| false),
            bar: Mutex::default(),
        }
    }

    /// Tells the pen how to know that the operator wants to stop, so that a question does not stand in the way.
    pub fn heed(&mut self, stopped: impl Fn() -> bool + Send + Sync + 'static) {
        self.stopped = Box::new(stopped);
    }

    /// Whether data is wanted as JSON.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.manner.format == Format::Json
    }

    /// Whether stdout is a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.out_is_terminal
    }

    /// Columns that a table may use: the terminal's, or 120 in a pipe.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.manner.width.unwrap_or_else(|| {
            if self.out_is_terminal {
                console::Term::stdout().size_checked().map_or(80, |(_, columns)| columns)
            } else {
                120
            }
        })
    }

    /// Foreign text, ready for stdout: neutralised on a terminal, exact in a pipe.
    #[must_use]
    pub fn foreign<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        if self.out_is_terminal { neutralise(text) } else { text.into() }
    }

    /// Foreign text, ready for a table on stderr, as [`Terminal::foreign`] is for stdout. Plain talk needs no such care: the pen takes
    /// it.
    #[must_use]
    pub fn foreign_talk<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        if self.err_is_terminal { neutralise(text) } else { text.into() }
    }

    /// Text in a style, if stdout is coloured.
    #[must_use]
    pub fn styled(&self, style: &console::Style, text: &str) -> String {
        style.clone().force_styling(self.colours(self.out_is_terminal)).apply_to(text).to_string()
    }

    /// One line of data on stdout.
    ///
    /// # Errors
    /// [`Closed`] when the reader has gone or the stream cannot be written.
    pub fn line(&mut self, text: &str) -> Result<(), Closed> {
        let text = match self.out_is_terminal {
            true if self.colours(true) => foreign::keep_style(text),
            true => neutralise(text),
            false => text.into(),
        };
        self.out.write_all(text.as_bytes())?;
        self.out.write_all(b"\n")?;
        self.settle_line()
    }

    /// Bytes of data on stdout, as they are in a pipe and neutralised on a terminal.
    ///
    /// # Errors
    /// As [`Terminal::line`].
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Closed> {
        if self.out_is_terminal {
            let text = String::from_utf8_lossy(bytes);
            self.out.write_all(neutralise(&text).as_bytes())?;
        } else {
            self.out.write_all(bytes)?;
        }
        Ok(())
    }

    /// A value as one line of JSON on stdout.
    ///
    /// # Errors
    /// As [`Terminal::line`].
    pub fn json(&mut self, value: &impl serde::Serialize) -> Result<(), Closed> {
        if self.out_is_terminal {
            let text = serde_json::to_string(value).map_err(io::Error::from)?;
            self.out.write_all(foreign::escape_json(&text).as_bytes())?;
        } else {
            serde_json::to_writer(&mut self.out, value).map_err(io::Error::from)?;
        }
        self.out.write_all(b"\n")?;
        self.settle_line()
    }

    /// Pushes out what is buffered.
    ///
    /// # Errors
    /// As [`Terminal::line`].
    pub fn flush(&mut self) -> Result<(), Closed> {
        Ok(self.out.flush()?)
    }

    /// Talk on stderr; nothing with `--quiet`.
    pub fn say(&self, text: &str) {
        if !self.manner.quiet {
            self.talk(text);
        }
    }

    /// Talk with somebody who is asked: what a question is about, and what became of it. Also with `--quiet`, where a question is
    /// going to be asked: a yes to what was not shown is worth nothing.
    pub fn discuss(&self, text: &str) {
        if !self.manner.quiet || (self.can_consent() && !self.manner.yes) {
            self.talk(text);
        }
    }

    /// One word on stderr that somebody waits for, also with `--quiet`.
    pub fn signal(&self, word: &str) {
        self.talk(word);
    }

    /// A warning on stderr, also with `--quiet`.
    pub fn warn(&self, text: &str) {
        self.headed(&console::Style::new().yellow().bold(), "warning:", text);
    }

    /// A failure on stderr: as JSON with `-o json`, else in words.
    pub fn failure(&self, failure: &crate::failure::Failure) {
        if self.is_json() {
            let mut causes = failure.causes.clone();
            causes.extend(failure.detail.iter().cloned());
            let value = serde_json::json!({ "error": {
                "code": failure.code, "message": failure.message, "causes": causes, "hint": failure.hint } });
            let text = value.to_string();
            self.write(if self.err_is_terminal { foreign::escape_json(&text) } else { text.as_str().into() });
            return;
        }
        self.headed(&console::Style::new().red().bold(), "error:", &failure.message);
        if let Some(detail) = &failure.detail {
            self.talk(detail);
        }
        for cause in &failure.causes {
            self.talk(&format!("  because: {cause}"));
        }
        if let Some(hint) = &failure.hint {
            self.headed(&console::Style::new().cyan().bold(), "hint:", hint);
        }
    }

    /// Whether [`Terminal::consent`] can be answered: by `--yes`, or by somebody at a terminal.
    #[must_use]
    pub fn can_consent(&self) -> bool {
        self.manner.yes || self.is_attended()
    }

    /// Whether somebody is there who can be asked more than a yes.
    #[must_use]
    pub fn is_attended(&self) -> bool {
        !self.manner.no_input && self.in_is_terminal && self.err_is_terminal
    }

    /// Asks for consent to what was just shown: `y` or `yes` and Enter. `--yes` answers yes; without a terminal nobody is asked.
    #[must_use]
    pub fn consent(&self, question: &str) -> Consent {
        if (self.stopped)() {
            return Consent::Interrupted;
        }
        if self.manner.yes {
            return Consent::Given;
        }
        self.ask(question)
    }

    /// Asks whether to do something that `--yes` is no answer to.
    #[must_use]
    pub fn ask(&self, question: &str) -> Consent {
        if !self.is_attended() {
            return Consent::Unasked;
        }
        self.above_the_bar(|| prompt::ask(&neutralise(question), &self.stopped))
    }

    /// Has somebody mark some lines of a list. Lines are shown neutralised, and should fit beside the marks: see [`Terminal::PICK_WIDTH`].
    #[must_use]
    pub fn pick(&self, head: &str, lines: &[String]) -> Picked {
        if (self.stopped)() {
            return Picked::Interrupted;
        }
        if !self.is_attended() || lines.is_empty() {
            return Picked::Nothing;
        }
        let lines = lines.iter().map(|line| neutralise(line).replace(['\n', '\t'], " ")).collect();
        self.above_the_bar(|| picking::pick(head.to_owned(), lines, &self.stopped))
    }

    /// How wide, in columns and in bytes, a line to be marked may be, so that it takes one line of a terminal of 80 columns.
    pub const PICK_WIDTH: usize = 73;

    /// Gives the terminal to an editor for a file, until that ends or `stopped`; says how it ended.
    ///
    /// # Errors
    /// When the editor cannot be started.
    pub async fn edit(
        &self,
        editor: &str,
        file: &std::path::Path,
        stopped: impl Future<Output = ()>,
    ) -> io::Result<Option<std::process::ExitStatus>> {
        editor::edit(editor, file, stopped).await
    }

    /// A progress bar on stderr: hidden when stderr is no terminal, or with `--quiet`. An unknown total is 0.
    #[must_use]
    pub fn progress(&self, total: u64, unit: &str) -> Progress {
        let progress = Progress::new(total, unit, self.err_is_terminal && !self.manner.quiet && !self.is_json());
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = progress.weak();
        progress
    }

    fn settle_line(&mut self) -> Result<(), Closed> {
        // On a terminal each line is seen at once; a pipe is flushed by whoever streams, and at the end.
        if !self.out_is_terminal {
            return Ok(());
        }
        let bar = self.shown_bar();
        match bar {
            Some(bar) => bar.suspend(|| self.flush()),
            None => self.flush(),
        }
    }

    fn shown_bar(&self) -> Option<ProgressBar> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner).upgrade().filter(|bar| !bar.is_finished())
    }

    /// Writes while the bar is out of the way: a line that begins where a bar ends leaves half a bar on the screen.
    fn above_the_bar<T>(&self, write: impl FnOnce() -> T) -> T {
        match self.shown_bar() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn talk(&self, text: &str) {
        self.write(self.foreign_talk(text));
    }

    /// Talk behind a word of ours: the word alone is styled, and no style in the text passes.
    fn headed(&self, style: &console::Style, head: &str, text: &str) {
        let head = style.clone().force_styling(self.colours(self.err_is_terminal)).apply_to(head);
        self.write(format!("{head} {}", self.foreign_talk(text)).into());
    }

    fn write(&self, text: std::borrow::Cow<'_, str>) {
        // Nobody is left to tell when stderr cannot be written.
        self.above_the_bar(|| {
            let _ = writeln!(io::stderr().lock(), "{text}");
        });
    }

    fn colours(&self, is_terminal: bool) -> bool {
        match self.manner.colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => is_terminal && !self.manner.no_colour_wish,
        }
    }
}
