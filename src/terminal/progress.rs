//! A progress bar that is not there when nobody could see it.

use indicatif::{ProgressBar, ProgressStyle, WeakProgressBar};

/// Progress of a long run on stderr.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new(total: u64, unit: &str, visible: bool) -> Progress {
        if !visible {
            return Progress { bar: ProgressBar::hidden() };
        }
        let (bar, template) = if total == 0 {
            (ProgressBar::new_spinner(), format!("{{spinner}} {{pos}} {unit} {{per_sec:0}} {{msg}}"))
        } else {
            (ProgressBar::new(total), format!("{{bar:30}} {{pos}}/{{len}} {unit} {{per_sec:0}} ETA {{eta}} {{msg}}"))
        };
        // The template is one of the two above; should one be malformed, the library's own style serves as well.
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Progress { bar: bar.with_style(style) }
    }

    /// So much is done.
    pub fn at(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// What it is doing, behind the bar. Our own words only.
    pub fn note(&self, text: impl Into<std::borrow::Cow<'static, str>>) {
        self.bar.set_message(text);
    }

    /// For whoever has to write where the bar stands.
    pub(super) fn weak(&self) -> WeakProgressBar {
        self.bar.downgrade()
    }

    /// Takes the bar away.
    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}
