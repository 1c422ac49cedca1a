//! `evbus route`

use serde_json::Value;

use crate::{
    commands::{Context, Outcome},
    exit::Exit,
    failure::Failure,
    message::{Field, Table},
    nearest,
    ops::route::{self, Error, Report, Request},
    terminal::{Terminal, neutralise},
    topology::file::{File, Topology},
    version::Version,
    views,
};

/// Say which queues would get an event, and through which bindings
///
/// Publishes nothing. Told from the topology file, without a broker; with --live from the exchanges, bindings and policies that the
/// broker has now, over the management API. What nearly took it is told too. Ends with 4 when no queue gets it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A routing key, or an event as the topology file names it
    #[arg(value_name = "KEY|EVENT")]
    key: String,

    /// The exchange [default: the topology file's bus]
    #[arg(long, value_name = "NAME")]
    exchange: Option<String>,

    /// A header that headers exchanges look at; may be repeated. n=1 is a number, n='"1"' and n=one are texts
    #[arg(long, value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, Field)>,

    /// Ask the broker instead of the topology file
    #[arg(long)]
    live: bool,

    /// The series of RabbitMQ that the topology file is for
    #[arg(long, default_value = "4.3", value_name = "VERSION", conflicts_with = "live")]
    broker_version: Version,
}

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    let file = context.topology()?;
    let topology = file.as_ref().map(|file| &file.topology);
    let (event, key) = meant(args, topology, &context.terminal)?;
    let exchange = exchange(args, topology)?;
    let request = Request { exchange, key, headers: args.headers.iter().cloned().collect() };
    let (report, source) = match &file {
        _ if args.live => {
            let vhost = topology.and_then(|topology| topology.vhost.as_deref());
            let broker = context.broker(vhost.map(String::as_str))?;
            let asked =
                async { route::live(&broker, &request).await.map_err(|error| unanswered(error, topology, true)) };
            let report = context.unless_stopped(asked).await?;
            (report, broker.identity().to_string())
        }
        Some(file) => {
            let answered = route::offline(&file.topology, args.broker_version, &request);
            (answered.map_err(|error| unanswered(error, topology, false))?, names(file))
        }
        None => return Err(no_file(&format!("where {} goes", neutralise(&args.key)))),
    };
    views::route::show(&mut context.terminal, &request, event, &source, &report)?;
    heed(&request, &report, topology, args.live, &context.terminal);
    Ok(if report.queues.is_empty() { Exit::Differs } else { Exit::Done })
}

fn no_file(what: &str) -> Failure {
    Failure::usage("no_topology", format!("there is no topology file to tell {what}")).hint(
        "name one with -f FILE, or ask the broker: --live --exchange NAME; evbus init writes a topology file to start from",
    )
}

/// The event that is meant, if it is one, and the key.
fn meant<'a>(
    args: &'a Args,
    topology: Option<&Topology>,
    terminal: &Terminal,
) -> Result<(Option<&'a str>, String), Failure> {
    let asked = args.key.as_str();
    if let Some(event) = topology.and_then(|topology| topology.event(asked)) {
        return Ok((Some(asked), event.routing_key.to_string()));
    }
    if let (Some(topology), None) = (topology, &args.exchange) {
        no_event(asked, topology)?;
    }
    if asked.len() > LONGEST {
        return Err(Failure::usage(
            "key",
            format!("a routing key has at most {LONGEST} bytes, and this has {}", asked.len()),
        ));
    }
    if asked.split('.').any(|word| word == "*" || word == "#") {
        let asked = neutralise(asked);
        terminal.warn(&format!(
            "{asked} is taken as it is: wildcards mean something in bindings, and nothing in a routing key"
        ));
    }
    Ok((None, asked.to_owned()))
}

/// The bytes that a routing key can have: an AMQP limit.
const LONGEST: usize = 255;

/// Refuses what looks like the name of an event, and is none: near to one, or written as only names are.
fn no_event(asked: &str, topology: &Topology) -> Result<(), Failure> {
    let is_key = topology.events.iter().any(|event| *event.routing_key == asked);
    if topology.events.is_empty() || asked.contains(['.', '*', '#']) || is_key {
        return Ok(());
    }
    let near = nearest::among(asked, topology.events.iter().map(|event| event.name.as_str()));
    if near.is_none() && !asked.starts_with(|c: char| c.is_ascii_uppercase()) {
        return Ok(());
    }
    let key = format!("if a key is meant, --exchange {} takes it as one", topology.bus());
    let hint = near.map_or_else(|| key.clone(), |near| format!("did you mean {near}? Otherwise, {key}"));
    let asked = neutralise(asked);
    Err(Failure::usage("unknown_event", format!("the catalog has no event {asked}, and none with that key")).hint(hint))
}

fn exchange(args: &Args, topology: Option<&Topology>) -> Result<String, Failure> {
    match (&args.exchange, topology) {
        (Some(exchange), _) => Ok(exchange.clone()),
        (None, Some(topology)) if topology.has_bus() => Ok(topology.bus().to_owned()),
        (None, Some(_)) => Err(Failure::usage("no_exchange", "no exchange is named, and the topology file has no bus")
            .hint("name one: --exchange NAME")),
        (None, None) if args.live => {
            Err(Failure::usage("no_exchange", "no exchange is named, and there is no topology file to tell the bus")
                .hint("name one: --exchange NAME, or a topology file: -f FILE"))
        }
        (None, None) => Err(no_file(&format!("where {} goes", neutralise(&args.key)))),
    }
}

/// The files, as they were named.
fn names(file: &File) -> String {
    file.sources.0.iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Why there is no answer, and what else the topology file knows of that.
fn unanswered(error: Error, topology: Option<&Topology>, live: bool) -> Failure {
    let Error::NoExchange { name, .. } = &error else { return error.into() };
    let planned = topology.is_some_and(|topology| {
        (topology.has_bus() && topology.bus() == name)
            || topology.exchanges.iter().any(|exchange| exchange.spec.name == *name)
    });
    let failure = Failure::from(error);
    match (live, planned) {
        (true, true) => failure.hint("the topology file has it, and the broker has not: evbus apply makes it"),
        (false, _) if failure.hint.is_none() => {
            failure.hint("the topology file has none like it; --live asks the broker")
        }
        _ => failure,
    }
}

/// Warns of what the broker would call routed, or could not be asked for.
fn heed(request: &Request, report: &Report, topology: Option<&Topology>, live: bool, terminal: &Terminal) {
    let audit = topology.and_then(|topology| topology.audit.as_ref()).map(|audit| audit.stream.value.as_str());
    if let ([only], Some(audit)) = (report.queues.as_slice(), audit)
        && only.queue == audit
    {
        terminal.warn("only the audit stream gets it: the broker calls that routed, and no service acts on it");
    }
    if report.internal {
        let exchange = neutralise(&request.exchange);
        terminal.warn(&format!("{exchange} is internal: only other exchanges may publish to it"));
    }
    if report.unknown_events > 0 {
        terminal.warn("there are subscriptions to events that are not in the catalog: evbus lint shows which");
    }
    for beyond in &report.beyond {
        let so = if live {
            "which is not there"
        } else {
            "which the topology file does not have: --live tells who gets it there"
        };
        terminal.warn(&format!("it is led on to exchange {}, {so}", neutralise(beyond)));
    }
}

/// A header as it was typed: a value that is JSON is what JSON says it is, any other is a text.
fn header(text: &str) -> Result<(String, Field), String> {
    let (name, value) = text.split_once('=').ok_or("a header is written NAME=VALUE")?;
    if name.is_empty() {
        return Err("a header has a name: NAME=VALUE".to_owned());
    }
    Ok((name.to_owned(), serde_json::from_str(value).map_or_else(|_| Field::text(value), typed)))
}

fn typed(value: Value) -> Field {
    match value {
        Value::Null => Field::Void,
        Value::Bool(flag) => Field::Bool(flag),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Field::F64(number.as_f64().unwrap_or(f64::NAN)), Field::I64)
        }
        Value::String(text) => Field::text(text),
        Value::Array(items) => Field::Array(items.into_iter().map(typed).collect()),
        Value::Object(map) => {
            Field::Table(map.into_iter().map(|(name, value)| (name, typed(value))).collect::<Table>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_typed_as_json_types_it() {
        let value = |text: &str| header(text).map(|(_, value)| value);
        assert_eq!(value("n=1"), Ok(Field::I64(1)));
        assert_eq!(value("n=1.0"), Ok(Field::F64(1.0)));
        assert_eq!(value("n=true"), Ok(Field::Bool(true)));
        assert_eq!(value("n=null"), Ok(Field::Void));
        for (text, meant) in [("n=\"1\"", "1"), ("n=one", "one"), ("n=007", "007"), ("n=", ""), ("n=a=b", "a=b")] {
            assert_eq!(value(text), Ok(Field::text(meant)), "{text}");
        }
        assert!(header("n").is_err() && header("=1").is_err());
    }
}
