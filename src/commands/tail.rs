//! `evbus tail`

use std::time::Duration;

use crate::{
    commands::{Context, Outcome, selection},
    duration::duration,
    exit::Exit,
    failure::Failure,
    message::selector::Selector,
    nearest,
    ops::tail,
    terminal::{Terminal, neutralise},
    topology::{file::Topology, routing::topic_matches},
    views::tail::{View, reader_gone},
};

/// Show events as they pass, harmlessly
///
/// Reads through a queue of its own that is bounded and goes with the connection, so that a slow terminal cannot hurt the broker. Needs
/// configure, write and read on names that begin with evbus-tail-, and read on the exchange. Traffic of the default exchange cannot be
/// seen.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Routing keys to watch, as in email.#, or event names of the topology file
    #[arg(required = true, value_name = "PATTERN")]
    patterns: Vec<String>,

    /// The exchange [default: the topology file's bus]
    #[arg(long, value_name = "NAME")]
    exchange: Option<String>,

    /// Only messages whose record this jq expression holds for
    #[arg(long = "where", value_name = "JQ")]
    expression: Option<String>,

    /// Stop after so many messages
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Stop after this time
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,

    /// Stop when nothing passed for this time
    #[arg(long, value_name = "TIME", value_parser = duration)]
    idle: Option<Duration>,

    /// Stop when so many came, and exit 4 if fewer did
    #[arg(long, value_name = "N")]
    expect: Option<u64>,

    /// Say ready on stderr once everything is bound
    #[arg(long)]
    ready: bool,

    /// How many messages the broker keeps for a slow reader before it drops the oldest
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    buffer: u32,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    let file = context.topology()?;
    let topology = file.as_ref().map(|file| &file.topology);
    let exchange = match (&args.exchange, topology) {
        (Some(exchange), _) => exchange.clone(),
        (None, Some(topology)) => topology.bus().to_owned(),
        (None, None) => {
            return Err(Failure::usage(
                "no_exchange",
                "no exchange is named, and there is no topology file to tell the bus",
            )
            .hint("name one: --exchange NAME, or a topology file: -f FILE"));
        }
    };
    if exchange.is_empty() {
        return Err(Failure::usage(
            "default_exchange",
            "traffic of the default exchange cannot be watched: nothing can be bound to it",
        ));
    }
    let mut patterns = Vec::with_capacity(args.patterns.len());
    for pattern in &args.patterns {
        patterns.push(match topology {
            Some(topology) => key(pattern, topology, args.exchange.is_some(), &context.terminal)?,
            None => pattern.clone(),
        });
    }
    let vhost = topology.and_then(|topology| topology.vhost.as_deref());
    let broker = context.broker(vhost.map(String::as_str))?;
    let chance = uuid::Uuid::new_v4().simple().to_string();
    let request = tail::Request {
        exchange,
        patterns,
        selector: Selector {
            expression: args.expression.as_deref().map(selection::expression).transpose()?,
            ..Selector::default()
        },
        limit: [args.limit, args.expect].into_iter().flatten().min(),
        duration: args.duration,
        idle: args.idle,
        buffer: args.buffer,
        queue: format!("evbus-tail-{}-{}-{}", context.settings.hostname(), std::process::id(), &chance[..8]),
    };
    let mut view = View::new(&mut context.terminal, &request.patterns, args.ready);
    let gone = reader_gone();
    let report = tail::run(&broker, &request, &context.interrupt, gone, |event| view.event(&event)).await?;
    if report.reader_gone {
        return Err(Failure::reader_gone());
    }
    view.finish(&report)?;
    let exit = if report.interrupted {
        Exit::Interrupted
    } else if args.expect.is_some_and(|expected| report.shown < expected) {
        Exit::Differs
    } else {
        Exit::Done
    };
    match report.stopped {
        Some(error) => {
            let exit = if report.shown > 0 { Exit::Partial } else { Exit::Failed };
            Err(Failure::from(error).exiting(exit))
        }
        None => Ok(exit),
    }
}

/// The key that a pattern means: that of the event it names, else itself. A word near an event's name is a slip, unless an exchange was
/// named, where anything can be a key; another pattern that no event of the catalog has a key for is warned of.
fn key(pattern: &str, topology: &Topology, is_elsewhere: bool, terminal: &Terminal) -> Result<String, Failure> {
    if let Some(event) = topology.event(pattern) {
        return Ok(event.routing_key.to_string());
    }
    let is_passed = topology.events.iter().any(|event| topic_matches(pattern, &event.routing_key));
    if is_elsewhere || is_passed || topology.events.is_empty() {
        return Ok(pattern.to_owned());
    }
    let names = topology.events.iter().map(|event| event.name.as_str());
    let shown = neutralise(pattern);
    match nearest::among(pattern, names) {
        Some(near) if !pattern.contains(['.', '*', '#']) => {
            Err(Failure::usage("unknown_event", format!("the catalog has no event {shown}, and none with that key"))
                .hint(format!("did you mean {near}? If a key is meant, --exchange {} takes it as one", topology.bus())))
        }
        _ => {
            let keys = topology.events.iter().map(|event| event.routing_key.as_str());
            let near = nearest::among(pattern, keys).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            terminal.warn(&format!("no event of the catalog has a name or key that {shown} matches{near}"));
            Ok(pattern.to_owned())
        }
    }
}
