//! `evbus publish`

use std::{
    io::{BufRead, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    catalog::schema::Schema,
    commands::{Context, Outcome},
    duration::rate,
    exit::Exit,
    failure::Failure,
    nearest,
    ops::publish::{
        self, Report,
        compose::{Composer, Described, Outgoing, Wrong},
    },
    terminal::neutralise,
    topology::file::Topology,
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
    let file = context.topology()?;
    let topology = file.as_ref().map(|file| &file.topology);
    let composer = Composer {
        event: args.event.as_deref().map(|name| event(name, args, topology)).transpose()?,
        exchange: args.exchange.clone(),
        bus: topology.map(|topology| topology.bus().to_owned()),
        key: args.key.clone(),
        correlation_id: args.correlation_id.clone(),
        raw: args.raw,
    };
    let outgoing = match &args.from {
        Some(path) => lines(&composer, path)?,
        None => vec![composer.payload(&data(args.data.as_deref())?).map_err(|wrong| invalid("the payload", &wrong))?],
    };
    if args.dry_run {
        let total = outgoing.len() as u64 * args.count;
        context.terminal.line(&format!("{total} would be published"))?;
        return Ok(Exit::Done);
    }
    let vhost = topology.and_then(|topology| topology.vhost.as_deref());
    let broker = context.broker(vhost.map(String::as_str))?;
    let repeated = (0..args.count).flat_map(|_| outgoing.iter().map(Outgoing::letter));
    let request = publish::Request { letters: repeated, pace: args.rate, timeout: context.settings.timeout() };
    let mut view = View::new(&mut context.terminal);
    let report = publish::run(&broker, request, &context.interrupt, &mut |event| view.event(&event)).await?;
    view.finish(&report)?;
    let exit = exit(&report);
    if let Some(error) = report.stopped {
        return Err(Failure::from(error).exiting(exit));
    }
    match view.unroutable() {
        Some((exchange, key)) => {
            let nearest = publish::nearest_key(&broker, &exchange, &key).await;
            Err(unroutable(report.unroutable, &exchange, &key, nearest.as_deref()).exiting(exit))
        }
        None => Ok(exit),
    }
}

fn exit(report: &Report) -> Exit {
    if report.interrupted {
        Exit::Interrupted
    } else if report.unroutable + report.refused + report.unknown == 0 && report.stopped.is_none() {
        Exit::Done
    } else if report.published > 0 || report.unknown > 0 {
        Exit::Partial
    } else {
        Exit::Failed
    }
}

fn unroutable(count: u64, exchange: &str, key: &str, nearest: Option<&str>) -> Failure {
    let what = if count == 1 { "1 message".to_owned() } else { format!("{count} messages") };
    let (exchange, key) = (name(exchange), neutralise(key));
    let failure =
        Failure::new("unroutable", format!("{what} reached no queue: nothing is bound to {exchange} with {key}"));
    match nearest {
        Some(nearest) => failure.hint(format!("did you mean {}?", neutralise(nearest))),
        None => failure.hint("no key near that one is bound, or the management API does not say; evbus lint shows events nobody subscribes to"),
    }
}

/// What the catalog says of an event.
fn event(name: &str, args: &Args, topology: Option<&Topology>) -> Result<Described, Failure> {
    let Some(topology) = topology else {
        return Err(Failure::usage("no_catalog", format!("there is no topology file to tell what {name} is"))
            .hint("name one with -f FILE, or send without a catalog: --key KEY --exchange NAME"));
    };
    let Some(event) = topology.event(name) else {
        let failure = Failure::usage("unknown_event", format!("the catalog has no event {name}"));
        let known = topology.events.iter().map(|event| event.name.as_str());
        return Err(match nearest::among(name, known) {
            Some(nearest) => failure.hint(format!("did you mean {nearest}?")),
            None => failure,
        });
    };
    let version = match &args.event_version {
        Some(wanted) => match event.versions.iter().find(|version| *version.version == *wanted) {
            Some(version) => Some(version),
            None if event.versions.is_empty() => None,
            None => {
                let known: Vec<&str> = event.versions.iter().map(|version| version.version.as_str()).collect();
                return Err(Failure::usage("unknown_version", format!("{name} has no version {wanted}"))
                    .hint(format!("it has {}", known.join(", "))));
            }
        },
        None => event.versions.last(),
    };
    let schema = version.map(|version| Schema::load(&version.schema)).transpose()?;
    let number = version.map(|version| version.version.to_string()).or_else(|| args.event_version.clone());
    Ok(Described {
        event_type: name.to_owned(),
        version: number.unwrap_or_else(|| "1.0".to_owned()),
        source: event.publisher.as_ref().map_or_else(|| "evbus".to_owned(), |publisher| publisher.to_string()),
        key: event.routing_key.to_string(),
        schema,
    })
}

/// The letters of a file; any line that cannot be sent keeps all of them here.
fn lines<'a>(composer: &'a Composer, path: &Path) -> Result<Vec<Outgoing<'a>>, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::usage("from", format!("cannot read {}", path.display())).because(error);
    let reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::io::BufReader::new(std::fs::File::open(path).map_err(unreadable)?))
    };
    let (letters, wrong) = composer.lines(reader).map_err(unreadable)?;
    if wrong.is_empty() {
        return Ok(letters);
    }
    let message = format!("{} lines of {} cannot be sent; nothing was sent", wrong.len(), path.display());
    let mut causes: Vec<String> =
        wrong.iter().take(20).map(|(number, wrong)| format!("line {number}: {}", wrong.texts().join("; "))).collect();
    if wrong.len() > 20 {
        causes.push(format!("and {} more", wrong.len() - 20));
    }
    Err(Failure { causes, ..Failure::usage("invalid", message) })
}

fn invalid(what: &str, wrong: &Wrong) -> Failure {
    let message = match wrong {
        Wrong::Violations(found) if found.len() == 1 => format!("{what} breaks its schema; nothing was sent"),
        Wrong::Violations(found) => format!("{what} breaks its schema in {} places; nothing was sent", found.len()),
        _ => format!("{what} cannot be sent"),
    };
    let failure = Failure { causes: wrong.texts(), ..Failure::usage("invalid", message) };
    match wrong {
        Wrong::NoExchange => failure.hint("name one: --exchange NAME, or a topology file: -f FILE"),
        Wrong::NoKey => failure.hint("give one: --key KEY"),
        _ => failure,
    }
}

fn name(exchange: &str) -> String {
    if exchange.is_empty() { "the default exchange".to_owned() } else { format!("exchange {exchange}") }
}

/// The bytes that `--data` means.
fn data(text: Option<&str>) -> Result<Vec<u8>, Failure> {
    let read = |what: String, result: std::io::Result<Vec<u8>>| {
        result.map_err(|error| Failure::usage("data", format!("cannot read {what}")).because(error))
    };
    match text {
        None => Err(Failure::usage("data", "there is nothing to send")
            .hint("give the payload: --data '{…}', --data @FILE or --data -")),
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
