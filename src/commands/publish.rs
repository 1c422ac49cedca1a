//! `evbus publish`

use std::{
    io::{BufRead, Read},
    path::PathBuf,
    time::Duration,
};

use serde_json::value::RawValue;

use crate::{
    broker::Letter,
    catalog::{envelope, schema::Violation},
    commands::{Context, Outcome, catalog::Catalog},
    duration::rate,
    exit::Exit,
    failure::Failure,
    message::{Message, Properties, record, travel},
    ops::publish,
    views::publish::View,
};

/// Send events in the bus's envelope, checked against the catalog
///
/// Everything is published mandatory and confirmed. What is routed nowhere is an error.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The event, as the topology file names it
    #[arg(required_unless_present_any = ["key", "from"], value_name = "EVENT")]
    event: Option<String>,

    /// Its payload: JSON, @FILE, or - for stdin
    #[arg(long, value_name = "JSON|@FILE|-", conflicts_with = "from")]
    data: Option<String>,

    /// Send each line of this file, or of stdin (-): records as tail and dlq show write them, or payloads
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,

    /// The routing key, where no event of the catalog tells it, or instead of the one it tells
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// The exchange [default: the topology file's bus]
    #[arg(long, value_name = "NAME")]
    exchange: Option<String>,

    /// What the events belong to [default: one of its own for each]
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,

    /// The version of the event [default: the newest of the catalog]
    #[arg(long, value_name = "VERSION")]
    event_version: Option<String>,

    /// Send it so many times
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,

    /// No more than so many in a time, as in 50/s or 1000/m
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<Duration>,

    /// Send the data as the whole body, without an envelope
    #[arg(long)]
    raw: bool,

    /// Check everything and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    let catalog = context.catalog()?;
    let sender = Sender::new(args, catalog.as_ref())?;
    let letters = sender.letters()?;
    let total = letters.len() as u64 * args.count;
    if args.dry_run {
        context.terminal.line(&format!("{total} would be published"))?;
        return Ok(Exit::Done);
    }
    let broker = context.broker(catalog.as_ref().and_then(|catalog| catalog.vhost()))?;
    let repeated = (0..args.count).flat_map(|_| letters.iter().map(Prepared::letter));
    let request = publish::Request { letters: repeated, pace: args.rate, timeout: context.settings.timeout() };
    let mut view = View::new(&mut context.terminal);
    let report = publish::run(&broker, request, &context.interrupt, &mut |event| view.event(&event)).await?;
    view.finish(&report)?;
    if let Some(error) = report.stopped {
        let exit = if report.published > 0 { Exit::Partial } else { Exit::Failed };
        return Err(Failure::from(error).exiting(exit));
    }
    if let Some((exchange, key)) = view.unroutable.take() {
        let exit = if report.published > 0 { Exit::Partial } else { Exit::Failed };
        let nearest = publish::nearest_key(&broker, &exchange, &key).await;
        let terminal = view.terminal();
        let failure = Failure::new(
            "unroutable",
            format!(
                "{} messages reached no queue: nothing is bound to {} with {}",
                report.unroutable,
                name(&exchange),
                terminal.foreign(&key)
            ),
        );
        let failure = match nearest {
            Some(nearest) => failure.hint(format!("did you mean {}?", terminal.foreign(&nearest))),
            None => failure.hint("evbus queues and the topology file tell what is bound; nothing near that key is"),
        };
        return Err(failure.exiting(exit));
    }
    Ok(if report.interrupted {
        Exit::Interrupted
    } else if report.refused + report.unknown == 0 {
        Exit::Done
    } else if report.published > 0 {
        Exit::Partial
    } else {
        Exit::Failed
    })
}

fn name(exchange: &str) -> String {
    if exchange.is_empty() { "the default exchange".to_owned() } else { format!("exchange {exchange}") }
}

/// A letter that is ready, or an event that gets its id when it is sent.
enum Prepared {
    Whole(Letter),
    Event { event: Described, payload: Box<RawValue> },
}

#[derive(Clone)]
struct Described {
    event_type: String,
    version: String,
    source: String,
    correlation_id: Option<String>,
    exchange: String,
    key: String,
}

impl Prepared {
    fn letter(&self) -> Letter {
        match self {
            Prepared::Whole(letter) => letter.clone(),
            Prepared::Event { event, payload } => {
                let described = envelope::Event {
                    event_type: &event.event_type,
                    version: &event.version,
                    source_service: &event.source,
                    correlation_id: event.correlation_id.as_deref(),
                };
                let (properties, body) = envelope::seal(&described, payload, jiff::Timestamp::now());
                Letter { exchange: event.exchange.clone(), routing_key: event.key.clone(), properties, body }
            }
        }
    }
}

/// What the arguments and the catalog come to.
struct Sender<'a> {
    args: &'a Args,
    exchange: Option<String>,
    event: Option<(Described, Option<crate::catalog::schema::Schema>)>,
}

impl<'a> Sender<'a> {
    fn new(args: &'a Args, catalog: Option<&Catalog>) -> Result<Sender<'a>, Failure> {
        let exchange = args.exchange.clone().or_else(|| catalog.map(|catalog| catalog.exchange().to_owned()));
        let Some(name) = &args.event else { return Ok(Sender { args, exchange, event: None }) };
        let Some(catalog) = catalog else {
            return Err(Failure::usage("no_catalog", format!("there is no topology file to tell what {name} is"))
                .hint("name one with -f FILE, or send without a catalog: --key KEY --exchange NAME"));
        };
        let Some(event) = catalog.event(name) else {
            let failure = Failure::usage("unknown_event", format!("the catalog has no event {name}"));
            return Err(match catalog.nearest(name) {
                Some(nearest) => failure.hint(format!("did you mean {nearest}?")),
                None => failure,
            });
        };
        let (version, schema) = event.version(args.event_version.as_deref())?;
        let described = Described {
            event_type: name.clone(),
            version,
            source: event.publisher.clone().unwrap_or_else(|| "evbus".to_owned()),
            correlation_id: args.correlation_id.clone(),
            exchange: exchange.clone().unwrap_or_default(),
            key: args.key.clone().unwrap_or_else(|| event.routing_key.clone()),
        };
        Ok(Sender { args, exchange, event: Some((described, schema)) })
    }

    /// Everything that is to be sent, checked: what is wrong with any of it is told before anything is sent.
    fn letters(&self) -> Result<Vec<Prepared>, Failure> {
        match &self.args.from {
            Some(path) => self.lines(path),
            None => {
                let data = data(self.args.data.as_deref())?;
                let prepared = self.prepare(&data).map_err(|wrong| wrong.failure("the payload"))?;
                Ok(vec![prepared])
            }
        }
    }

    fn lines(&self, path: &PathBuf) -> Result<Vec<Prepared>, Failure> {
        let unreadable = |error: std::io::Error| {
            Failure::usage("from", format!("cannot read {}", path.display())).because(error)
        };
        let reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
            Box::new(std::io::stdin().lock())
        } else {
            Box::new(std::io::BufReader::new(std::fs::File::open(path).map_err(unreadable)?))
        };
        let (mut prepared, mut wrong) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(reader.split(b'\n')) {
            let line = line.map_err(unreadable)?;
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"{\"event\":") || is_frame(line) {
                continue;
            }
            match self.line(line) {
                Ok(letter) => prepared.push(letter),
                Err(why) => wrong.push(format!("line {number}: {}", why.in_a_line())),
            }
        }
        if wrong.is_empty() {
            return Ok(prepared);
        }
        let message = format!("{} lines of {} cannot be sent; nothing was sent", wrong.len(), path.display());
        let rest = wrong.len().saturating_sub(20);
        wrong.truncate(20);
        if rest > 0 {
            wrong.push(format!("and {rest} more"));
        }
        Err(Failure { causes: wrong, ..Failure::usage("invalid", message) })
    }

    fn line(&self, line: &[u8]) -> Result<Prepared, Wrong> {
        if !line.starts_with(b"{\"format\":\"evbus.message/") {
            return self.prepare(line);
        }
        let (_, message) = record::read(line).map_err(|error| Wrong::Other(error.to_string()))?;
        let Message { exchange, routing_key, .. } = &message;
        let exchange = self.args.exchange.clone().unwrap_or_else(|| exchange.clone());
        let routing_key = self.args.key.clone().unwrap_or_else(|| routing_key.clone());
        // Nobody is sent in another user's name: the broker would close the channel.
        let travelling = travel::put_back(message, "");
        Ok(Prepared::Whole(Letter {
            exchange,
            routing_key,
            properties: travelling.properties,
            body: travelling.body,
        }))
    }

    fn prepare(&self, data: &[u8]) -> Result<Prepared, Wrong> {
        let args = self.args;
        let exchange = || self.exchange.clone().ok_or(Wrong::NoExchange);
        if args.raw || self.event.is_none() {
            let key = match (&args.key, &self.event) {
                (Some(key), _) => key.clone(),
                (None, Some((event, _))) => event.key.clone(),
                (None, None) => return Err(Wrong::Other("no --key says where it goes".to_owned())),
            };
            let properties = Properties {
                delivery_mode: Some(2),
                message_id: Some(uuid::Uuid::now_v7().to_string()),
                correlation_id: args.correlation_id.clone(),
                ..Properties::default()
            };
            return Ok(Prepared::Whole(Letter { exchange: exchange()?, routing_key: key, properties, body: data.to_vec() }));
        }
        let text = std::str::from_utf8(data).map_err(|_| Wrong::Other("it is not UTF-8".to_owned()))?;
        let payload: Box<RawValue> =
            serde_json::from_str(text).map_err(|error| Wrong::Other(format!("it is not JSON: {error}")))?;
        let Some((event, schema)) = &self.event else { return Err(Wrong::NoExchange) };
        if let Some(schema) = schema {
            let value = serde_json::from_str(text).map_err(|error| Wrong::Other(error.to_string()))?;
            let violations = schema.violations(&value);
            if !violations.is_empty() {
                return Err(Wrong::Violations(violations));
            }
        }
        Ok(Prepared::Event { event: event.clone(), payload })
    }
}

/// Whether a line is not a message but the header of an archive.
fn is_frame(line: &[u8]) -> bool {
    line.starts_with(b"{\"format\":\"evbus.archive/")
}

/// What is wrong with one payload.
enum Wrong {
    Violations(Vec<Violation>),
    NoExchange,
    Other(String),
}

impl Wrong {
    fn texts(&self) -> Vec<String> {
        match self {
            Wrong::Violations(violations) => violations
                .iter()
                .map(|violation| {
                    let place = if violation.pointer.is_empty() { "(the whole)" } else { &violation.pointer };
                    format!("{place}: {}", violation.what)
                })
                .collect(),
            Wrong::NoExchange => vec!["no exchange is named, and there is no topology file to tell the bus".to_owned()],
            Wrong::Other(what) => vec![what.clone()],
        }
    }

    fn in_a_line(&self) -> String {
        self.texts().join("; ")
    }

    fn failure(&self, what: &str) -> Failure {
        let message = match self {
            Wrong::Violations(found) => format!("{what} breaks its schema in {} places; nothing was sent", found.len()),
            _ => format!("{what} cannot be sent"),
        };
        let failure = Failure { causes: self.texts(), ..Failure::usage("invalid", message) };
        match self {
            Wrong::NoExchange => failure.hint("name one: --exchange NAME, or a topology file: -f FILE"),
            _ => failure,
        }
    }
}

/// The bytes that `--data` means.
fn data(text: Option<&str>) -> Result<Vec<u8>, Failure> {
    let read = |what: String, result: std::io::Result<Vec<u8>>| {
        result.map_err(|error| Failure::usage("data", format!("cannot read {what}")).because(error))
    };
    match text {
        None => Err(Failure::usage("data", "there is nothing to send").hint("give the payload: --data '{…}', --data @FILE or --data -")),
        Some("-") => {
            let mut bytes = Vec::new();
            read("stdin".to_owned(), std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes))
        }
        Some(text) => match text.strip_prefix('@') {
            Some(path) => read(path.to_owned(), std::fs::read(path)),
            None => Ok(text.as_bytes().to_vec()),
        },
    }
}
