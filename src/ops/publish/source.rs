//! What is sent comes from somewhere: one payload, or the lines of a file or a pipe. What each line is, and how they are read ahead.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::compose::{Composer, Outgoing, Wrong};
use crate::message::record;

/// How far reading runs ahead of sending.
const AHEAD: usize = 256;

/// Something of the input.
pub enum Item {
    /// It can be sent.
    Send(Outgoing),
    /// A line of our own that is no message: a summary, or the head or end of an archive.
    Skipped,
    /// It cannot be sent.
    Invalid(Invalid),
}

/// A line that cannot be sent.
#[derive(Debug)]
pub struct Invalid {
    /// Its number; `None` is a payload that was given on the command line.
    pub line: Option<u64>,
    /// Why.
    pub wrong: Wrong,
}

/// Where it comes from.
pub enum Source {
    /// One payload.
    Payload(Outgoing),
    /// The lines of a file, which can be read again.
    File(PathBuf),
    /// The lines of a pipe, which come when they come.
    Pipe(Box<dyn BufRead + Send>),
}

impl Source {
    /// The lines of a file; `-` is stdin, and whatever is no plain file is read as a pipe is.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Source> {
        if path.as_os_str() == "-" {
            return Ok(Source::Pipe(Box::new(BufReader::new(io::stdin()))));
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if metadata.is_file() {
            return Ok(Source::File(path.to_owned()));
        }
        Ok(Source::Pipe(Box::new(BufReader::new(file))))
    }

    /// Everything of it, so many times over. It is read on a thread of its own: a pipe may stand still.
    #[must_use]
    pub fn feed(self, mut composer: Composer, times: u64) -> mpsc::Receiver<Item> {
        let (give, take) = mpsc::channel(AHEAD);
        std::thread::spawn(move || {
            let outcome = match self {
                Source::Payload(outgoing) => {
                    let _ = (0..times).try_for_each(|_| give.blocking_send(Item::Send(outgoing.clone())));
                    Ok(true)
                }
                Source::Pipe(mut reader) => read(&mut reader, &mut composer, |item| give.blocking_send(item).is_ok()),
                Source::File(path) => (0..times).try_fold(true, |wanted, _| {
                    if !wanted {
                        return Ok(false);
                    }
                    let mut reader = BufReader::new(File::open(&path)?);
                    read(&mut reader, &mut composer, |item| give.blocking_send(item).is_ok())
                }),
            };
            // The rest is not passed over in silence.
            if let Err(error) = outcome {
                let wrong = Wrong::Unreadable(format!("the input cannot be read on: {error}"));
                let _ = give.blocking_send(Item::Invalid(Invalid { line: None, wrong }));
            }
        });
        take
    }
}

/// Reads lines to their end, or until the listener has had enough. Answers whether it wanted all of them.
///
/// # Errors
/// When they cannot be read on.
pub fn read(
    reader: &mut impl BufRead,
    composer: &mut Composer,
    mut each: impl FnMut(Item) -> bool,
) -> io::Result<bool> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let item = match understand(line, composer) {
            Ok(Some(outgoing)) => Item::Send(outgoing),
            Ok(None) => Item::Skipped,
            Err(wrong) => Item::Invalid(Invalid { line: Some(number), wrong }),
        };
        if !each(item) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a line is: a record by its format, a line of our own by all that such a line has, and a payload otherwise.
fn understand(line: &[u8], composer: &mut Composer) -> Result<Option<Outgoing>, Wrong> {
    let fields = match serde_json::from_slice::<BTreeMap<String, &RawValue>>(line) {
        Ok(fields) => fields,
        // As evbus begins a record: one that is cut off is nobody's payload.
        Err(error) if line.starts_with(br#"{"format":"evbus.message/"#) => {
            return Err(Wrong::Unreadable(format!("it begins as a record and does not end as one: {error}")));
        }
        Err(_) => return payload(line, composer),
    };
    let format = fields.get("format").and_then(|format| serde_json::from_str::<String>(format.get()).ok());
    match format.as_deref() {
        Some(record::FORMAT) => composer.record(line, |name| is_told(name, &fields)).map(Some),
        Some(other) if other.starts_with("evbus.message/") => {
            Err(Wrong::Unreadable(format!("its format is {other}, and {} is understood here", record::FORMAT)))
        }
        _ if is_ours(&fields) => Ok(None),
        _ => payload(line, composer),
    }
}

fn payload(line: &[u8], composer: &Composer) -> Result<Option<Outgoing>, Wrong> {
    if composer.event.is_none() && composer.key.is_none() {
        return Err(Wrong::NoRecord);
    }
    composer.payload(line).map(Some)
}

/// Whether a record says this; a body says something by one of its three names.
fn is_told(name: &str, fields: &BTreeMap<String, &RawValue>) -> bool {
    let Some(value) = fields.get(name) else { return false };
    name != "body"
        || serde_json::from_str::<BTreeMap<String, &RawValue>>(value.get())
            .is_ok_and(|body| ["json", "text", "base64"].iter().any(|kind| body.contains_key(*kind)))
}

/// What evbus itself writes between and behind records, by every field that such a line has and the kind of its value.
const OURS: [&[(&str, Kind)]; 5] = [
    &[
        ("event", Kind::Word("summary")),
        ("seen", Kind::Count),
        ("shown", Kind::Count),
        ("missed", Kind::Count),
        ("interrupted", Kind::Bool),
    ],
    &[
        ("event", Kind::Word("summary")),
        ("shown", Kind::Count),
        ("read", Kind::Count),
        ("depth", Kind::Count),
        ("interrupted", Kind::Bool),
    ],
    &[("event", Kind::Word("summary")), ("format", Kind::Word("evbus.export/1")), ("exported", Kind::Count)],
    &[("format", Kind::Word("evbus.archive/1")), ("event", Kind::Word("begin")), ("run", Kind::Text)],
    &[("event", Kind::Word("end")), ("count", Kind::Count), ("sha256", Kind::Text)],
];

#[derive(Clone, Copy)]
enum Kind {
    /// This word.
    Word(&'static str),
    /// Any text.
    Text,
    /// A number, or null where it is not known.
    Count,
    /// True or false.
    Bool,
}

impl Kind {
    fn fits(self, value: &RawValue) -> bool {
        let text = value.get();
        match self {
            Kind::Word(word) => serde_json::from_str::<String>(text).is_ok_and(|text| text == word),
            Kind::Text => text.starts_with('"'),
            Kind::Count => text == "null" || text.parse::<u64>().is_ok(),
            Kind::Bool => text == "true" || text == "false",
        }
    }
}

/// Later versions may write more into such a line, never less.
fn is_ours(fields: &BTreeMap<String, &RawValue>) -> bool {
    let has = |(name, kind): &(&str, Kind)| fields.get(*name).is_some_and(|value| kind.fits(value));
    OURS.iter().any(|line| line.iter().all(has))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::publish::known::Known;

    fn read_all(text: &str, key: Option<&str>) -> Vec<&'static str> {
        let mut composer = Composer {
            event: None,
            known: Known::default(),
            exchange: None,
            bus: Some("events".to_owned()),
            key: key.map(str::to_owned),
            correlation_id: None,
            raw: false,
        };
        let mut found = Vec::new();
        let read = read(&mut text.as_bytes(), &mut composer, |item| {
            found.push(match item {
                Item::Send(_) => "send",
                Item::Skipped => "skip",
                Item::Invalid(_) => "invalid",
            });
            true
        });
        assert!(read.is_ok_and(|all| all));
        found
    }

    #[test]
    fn a_record_is_known_by_its_format_wherever_that_stands() {
        let record = r#"{"body":{"text":"x"}, "routing_key":"k", "exchange":"e", "format" : "evbus.message/1"}"#;
        assert_eq!(read_all(record, None), ["send"]);
        assert_eq!(read_all(&record.replace("message/1", "message/2"), Some("k")), ["invalid"]);
    }

    #[test]
    fn a_record_that_is_cut_off_is_not_sent_as_a_payload() {
        assert_eq!(read_all(r#"{"format":"evbus.message/1","exchange":"e","routi"#, Some("k")), ["invalid"]);
    }

    #[test]
    fn a_record_without_address_or_body_is_sent_nowhere() {
        for gone in [r#""exchange":"e","#, r#""routing_key":"k","#, r#""text":"x""#] {
            let record = r#"{"format":"evbus.message/1","exchange":"e","routing_key":"k","redelivered":false,"body":{"text":"x"}}"#;
            assert_eq!(read_all(record, None), ["send"]);
            assert_eq!(read_all(&record.replace(gone, ""), None), ["invalid"], "{gone}");
        }
    }

    #[test]
    fn our_own_summaries_are_skipped_and_what_only_looks_so_is_a_payload() {
        let summary = r#"{"event":"summary","seen":5,"shown":5,"missed":null,"interrupted":false}"#;
        assert_eq!(read_all(summary, Some("k")), ["skip"]);
        let show = r#"{"event":"summary","shown":1,"read":1,"depth":1,"order":"kept","interrupted":false}"#;
        assert_eq!(read_all(show, Some("k")), ["skip"]);
        let export = r#"{"event":"summary","format":"evbus.export/1","exported":1,"read":1,"depth":null}"#;
        assert_eq!(read_all(export, Some("k")), ["skip"]);
        for payload in [r#"{"event":"created","id":1}"#, r#"{"event":"summary","total":3}"#, "text", "[1]"] {
            assert_eq!(read_all(payload, Some("k")), ["send"], "{payload}");
            assert_eq!(read_all(payload, None), ["invalid"], "{payload}");
        }
    }
}
