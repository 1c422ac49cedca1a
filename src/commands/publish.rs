//! `evbus publish`

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    broker::{self, Broker},
    catalog::schema::Schema,
    commands::{Context, Outcome},
    duration::rate,
    exit::Exit,
    failure::{Failure, Missing},
    nearest,
    ops::publish::{
        self, Report,
        compose::{Composer, Described},
        known::Known,
        source::{self, Invalid, Item, Source},
    },
    terminal::{Terminal, neutralise},
    topology::file::Topology,
    views::publish::View,
};

/// Send events in the bus's envelope, checked against the catalog
///
/// Everything is published mandatory and confirmed. What is routed nowhere is an error. A file is checked as a whole before its first
/// line is sent; the lines of a pipe are sent as they come, up to the first that cannot be.
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
    let mut composer = Composer {
        event: args.event.as_deref().map(|name| event(name, args, topology)).transpose()?.map(Arc::new),
        known: topology.map(|topology| Known::of(&topology.events)).unwrap_or_default(),
        exchange: args.exchange.clone(),
        bus: topology.map(|topology| topology.bus().to_owned()),
        key: args.key.clone(),
        correlation_id: args.correlation_id.clone(),
        raw: args.raw,
    };
    if let (None, Some(key), Some(topology)) = (&args.event, &args.key, topology) {
        heed(key, args, topology, &context.terminal);
    }
    let (place, source) = match &args.from {
        Some(path) => (place(path), open(path)?),
        None => ("the payload".to_owned(), Source::Payload(data(args, &composer, context)?)),
    };
    if matches!(source, Source::Pipe(_)) && args.count != 1 {
        return Err(Failure::usage(
            "count",
            format!("{place} can be read only once, and --count wants it {} times", args.count),
        )
        .hint("write it to a file, and name that: --from FILE"));
    }
    let (source, total) = checked(source, &place, &mut composer, args, context)?;
    if args.dry_run {
        View::new(&mut context.terminal, None).would_publish(total.unwrap_or(0))?;
        return Ok(Exit::Done);
    }
    let vhost = topology.and_then(|topology| topology.vhost.as_deref());
    let broker = context.broker(vhost.map(String::as_str))?;
    let items = source.feed(composer, args.count);
    let request = publish::Request { items, total, pace: args.rate, timeout: context.settings.timeout() };
    let mut view = View::new(&mut context.terminal, total);
    let report = publish::run(&broker, request, &context.interrupt, &mut |event| view.event(&event)).await?;
    view.finish(&report)?;
    let exit = exit(&report);
    if let Some(error) = &report.stopped {
        return Err(ended(error, &broker, topology).await.exiting(exit));
    }
    if let Some(invalid) = report.stopped_at {
        return Err(Failure::invalid(&place, &[invalid], 1, exit == Exit::Usage).exiting(exit));
    }
    match view.unroutable() {
        Some((exchange, key)) => {
            let nearest = publish::nearest_key(&broker, &exchange, &key).await;
            Err(unroutable(report.unroutable, &exchange, &key, nearest.as_deref()).exiting(exit))
        }
        None => Ok(exit),
    }
}

/// Warns of a key that only the audit stream hears: the broker counts that as a receiver, and calls a mistyped key routed.
fn heed(key: &str, args: &Args, topology: &Topology, terminal: &Terminal) {
    let is_bus = args.exchange.as_deref().is_none_or(|exchange| exchange == topology.bus());
    if !is_bus || topology.audit.is_none() || topology.is_wanted(key) {
        return;
    }
    let keys = topology.events.iter().map(|event| event.routing_key.as_str());
    let near = nearest::among(key, keys).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    let key = neutralise(key);
    terminal.warn(&format!("no service of the topology file subscribes to {key}: only the audit stream gets it{near}"));
}

fn exit(report: &Report) -> Exit {
    let somebody_has_some = report.published > 0;
    if report.interrupted {
        return Exit::Interrupted;
    }
    match &report.stopped {
        // The broker refused what it was sent: of what is unknown it refused at least one, and is not known to have any.
        Some(error) if !error.is_loss() && !somebody_has_some => Exit::Failed,
        _ if report.stopped_at.is_some() && report.settled() == 0 => Exit::Usage,
        None if report.stopped_at.is_none() && report.unroutable + report.refused + report.unknown == 0 => Exit::Done,
        _ if somebody_has_some || report.unknown > 0 => Exit::Partial,
        _ => Exit::Failed,
    }
}

/// What the broker ended the run with, and what is known of the exchange where that is missing.
async fn ended(error: &broker::Error, broker: &Broker, topology: Option<&Topology>) -> Failure {
    let planned: Vec<&str> = topology
        .into_iter()
        .flat_map(|topology| {
            let others = topology.exchanges.iter().map(|exchange| exchange.spec.name.as_str());
            topology.has_bus().then(|| topology.bus()).into_iter().chain(others)
        })
        .collect();
    let near = match Failure::missing_exchange(error) {
        Some(name) if planned.contains(&name) => {
            return Failure::publishing(error, &broker.identity(), &Missing::Planned);
        }
        Some(name) => publish::nearest_exchange(broker, name, &planned).await,
        None => None,
    };
    let missing = near.as_deref().map_or(Missing::Unknown, Missing::Near);
    Failure::publishing(error, &broker.identity(), &missing)
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

fn place(path: &Path) -> String {
    if path.as_os_str() == "-" { "stdin".to_owned() } else { path.display().to_string() }
}

fn open(path: &Path) -> Result<Source, Failure> {
    Source::open(path).map_err(|error| unreadable(&place(path), error))
}

fn unreadable(place: &str, error: std::io::Error) -> Failure {
    Failure::usage("from", format!("cannot read {place}")).because(error)
}

/// The source, and how many there are to send where that can be known: any line of a file that cannot be sent keeps all of it here. A
/// pipe is only read to its end where nothing is to be sent.
fn checked(
    source: Source,
    place: &str,
    composer: &mut Composer,
    args: &Args,
    context: &mut Context,
) -> Result<(Source, Option<u64>), Failure> {
    let mut view = View::new(&mut context.terminal, None);
    let (mut sendable, mut skipped, mut wrong, mut first) = (0, 0, 0, Vec::new());
    let each = |item| {
        match item {
            Item::Send(_) => sendable += 1,
            Item::Skipped => skipped += 1,
            Item::Invalid(invalid) => {
                view.invalid(&invalid);
                wrong += 1;
                if Failure::wants_more_invalid(&first) {
                    first.push(invalid);
                }
            }
        }
        true
    };
    let source = match source {
        Source::Payload(_) => return Ok((source, Some(args.count))),
        Source::Pipe(_) if !args.dry_run => return Ok((source, None)),
        Source::Pipe(mut reader) => {
            source::read(&mut reader, composer, each).map_err(|error| unreadable(place, error))?;
            Source::Pipe(reader)
        }
        Source::File(path) => {
            let file = std::fs::File::open(&path).map_err(|error| unreadable(place, error))?;
            source::read(&mut std::io::BufReader::new(file), composer, each)
                .map_err(|error| unreadable(place, error))?;
            Source::File(path)
        }
    };
    if wrong > 0 {
        view.finish(&Report { invalid: wrong, skipped, not_sent: Some(sendable), ..Report::default() })?;
        return Err(Failure::invalid(place, &first, wrong, true));
    }
    if args.dry_run {
        view.skipped(skipped);
    }
    Ok((source, Some(sendable * args.count)))
}

fn name(exchange: &str) -> String {
    if exchange.is_empty() { "the default exchange".to_owned() } else { format!("exchange {exchange}") }
}

/// The payload that `--data` means.
fn data(args: &Args, composer: &Composer, context: &mut Context) -> Result<publish::compose::Outgoing, Failure> {
    composer.payload(&bytes(args.data.as_deref())?).or_else(|wrong| {
        let invalid = Invalid { line: None, wrong };
        if context.terminal.is_json() {
            let mut view = View::new(&mut context.terminal, None);
            view.invalid(&invalid);
            view.finish(&Report { invalid: 1, not_sent: Some(0), ..Report::default() })?;
        }
        Err(Failure::invalid("the payload", &[invalid], 1, true))
    })
}

/// The bytes that `--data` means.
fn bytes(text: Option<&str>) -> Result<Vec<u8>, Failure> {
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
