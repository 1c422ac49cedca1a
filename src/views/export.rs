//! What an export looks like: a topology file, and what is not in it as warnings.

use std::collections::BTreeMap;

use crate::{
    ops::export::Report,
    terminal::{Closed, Terminal},
    views::counted,
};

/// The text of the file: YAML, or JSON where that is wanted.
#[must_use]
pub fn text(terminal: &Terminal, report: &Report) -> String {
    if terminal.is_json() {
        return format!("{}\n", report.export.json());
    }
    let version = report.version.map_or_else(String::new, |version| format!(" of RabbitMQ {version}"));
    report.export.yaml(&format!("The virtual host {}{version}, written by evbus export.", report.vhost))
}

/// Shows the file as the data of the command.
///
/// # Errors
/// When the reader has gone.
pub fn show(terminal: &mut Terminal, text: &str) -> Result<(), Closed> {
    terminal.line(text.trim_end_matches('\n'))
}

/// How many names are said of what is left out for one reason; the file names all.
const NAMES: usize = 5;

/// Says what is not in the file, and what became of the services.
pub fn tell(terminal: &Terminal, report: &Report) {
    let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for left_out in &report.export.left_out {
        groups.entry((left_out.kind, &left_out.because)).or_default().push(&left_out.name);
    }
    for ((kind, because), names) in groups {
        let more = names.len().saturating_sub(NAMES);
        let mut list = names.into_iter().take(NAMES).collect::<Vec<_>>().join(", ");
        if more > 0 {
            list.push_str(&format!(" and {more} more"));
        }
        let separator = if list.is_empty() { "" } else { " " };
        terminal.warn(&format!("not exported: {kind}{separator}{list}: {because}"));
    }
    if let Some(because) = &report.export.unreadable {
        terminal.warn(&format!("evbus cannot read this file: {because}. --services makes it shorter"));
    }
    if report.export.uncovered > 0 {
        let queues = if report.export.uncovered == 1 { "queue has" } else { "queues have" };
        terminal.warn(&format!(
            "{} more {queues} the shape of a service, and no policy as apply would make it: listed",
            report.export.uncovered
        ));
    }
    match report.export.without_services {
        Some(because) => terminal.warn(&format!("nothing is written as a service: {because}")),
        None if report.export.services == 0 => (),
        None => terminal.say(&counted(report.export.services, "service")),
    }
}
