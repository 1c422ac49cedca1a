//! A message in one line, to be marked among others: its place, what it is, why and where it died, and how long ago.

use crate::{
    message::{Message, traits::Traits},
    terminal::neutralise,
};

/// What stands above the list.
pub const HEAD: &str = "Space marks, a marks all, Enter takes what is marked, Esc takes none";

/// A message in one line.
#[must_use]
pub fn line(place: u64, message: &Message, now: jiff::Timestamp) -> String {
    let traits = Traits::of(message);
    let death = traits.death();
    let plain = |text: &str| neutralise(text).replace(['\n', '\t'], " ");
    let id = message.properties.message_id.as_deref().map_or_else(|| "(no id)".to_owned(), plain);
    let event = traits.event().map(plain).unwrap_or_default();
    let (reason, source) = match death {
        Some(death) if death.reason == "delivery_limit" => ("limit".to_owned(), plain(&death.queue)),
        Some(death) => (plain(&death.reason), plain(&death.queue)),
        None => ("-".to_owned(), String::new()),
    };
    let age = death.and_then(|death| death.first_at).map(|at| age(now, at)).unwrap_or_default();
    let place = format!("#{place}");
    let line = format!(
        "{place:<5}{} {} {} {} {age:>4}",
        column(&id, 13),
        column(&event, 18),
        column(&reason, 9),
        column(&source, 18)
    );
    line.trim_end().to_owned()
}

/// As much of a text as has room; the end of what is longer, where names and ids differ. Counted in bytes, of which no character has
/// fewer than columns: the list that is shown counts so.
fn column(text: &str, room: usize) -> String {
    let mut from = text.len().saturating_sub(room);
    if from == 0 {
        return format!("{text}{}", " ".repeat(room - text.len()));
    }
    from += 1;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let end = &text[from..];
    format!("~{end}{}", " ".repeat(room - 1 - end.len()))
}

/// How long ago, in the largest unit that there is one of.
fn age(now: jiff::Timestamp, at: jiff::Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second()).max(0);
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(length, _)| seconds >= *length);
    let (length, word) = unit.unwrap_or((1, "s"));
    format!("{}{word}", seconds / length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::{Field, Properties, Table},
        terminal::Terminal,
    };

    fn dead(id: &str, queue: &str, kind: &str) -> Message {
        let death = Table::from([
            ("queue".to_owned(), Field::text(queue)),
            ("reason".to_owned(), Field::text("rejected")),
            ("exchange".to_owned(), Field::text("events")),
            ("routing-keys".to_owned(), Field::Array(vec![Field::text("k")])),
            ("count".to_owned(), Field::I64(1)),
            ("time".to_owned(), Field::Timestamp(1_700_000_000)),
        ]);
        let headers = Table::from([("x-death".to_owned(), Field::Array(vec![Field::Table(death)]))]);
        let properties = Properties {
            message_id: Some(id.to_owned()),
            kind: Some(kind.to_owned()),
            headers: Some(headers),
            ..Properties::default()
        };
        Message { properties, ..Message::default() }
    }

    #[test]
    fn a_message_takes_one_line_whatever_is_in_it() {
        let now = jiff::Timestamp::from_second(1_700_000_000 + 3 * 86_400).expect("a time");
        let shown = line(12, &dead("m12", "customer-service", "EmailClassified"), now);
        assert_eq!(shown, "#12  m12           EmailClassified    rejected  customer-service     3d");
        let long = line(123, &dead(&"é".repeat(90), &"日本".repeat(50), "a\u{1b}[2J\nb\t"), now);
        assert!(long.len() <= Terminal::PICK_WIDTH && !long.contains(['\u{1b}', '\n', '\t']), "{long:?}");
        assert_eq!(line(1, &Message::default(), now), "#1   (no id)                          -");
        assert_eq!(column("é日本", 5), "~本 ", "no character is broken");
    }

    #[test]
    fn a_long_id_shows_its_end() {
        assert_eq!(column("01a20dbf-0595-7667-bfb1-69999c37cb62", 13), "~69999c37cb62");
        assert_eq!(column("m1", 4), "m1  ");
    }

    #[test]
    fn an_age_is_short() {
        let at = |seconds| jiff::Timestamp::from_second(seconds).expect("a time");
        let shown = [0, 59, 60, 7200, 86_400 * 400].map(|seconds| age(at(seconds), at(0)));
        assert_eq!(shown, ["0s", "59s", "1m", "2h", "400d"]);
    }
}
