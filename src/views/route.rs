//! What the ways of a message look like.

use serde_json::{Map, Value, json};

use crate::{
    message::{Field, Table as Arguments, record::field},
    ops::route::{Report, Request},
    terminal::{Closed, Terminal},
    topology::routing::{ALTERNATE_EXCHANGE, Hop, Near, Reached},
    views::table::Table,
};

/// Shows them.
///
/// # Errors
/// When the reader has gone.
pub fn show(
    terminal: &mut Terminal,
    request: &Request,
    event: Option<&str>,
    source: &str,
    report: &Report,
) -> Result<(), Closed> {
    if terminal.is_json() {
        return terminal.json(&document(request, event, report));
    }
    let exchange = exchange(&request.exchange);
    let what = event.map_or_else(|| key(&request.key), |event| format!("{event}, {}", key(&request.key)));
    terminal.say(&format!("{}, by {}", terminal.foreign_talk(&format!("{what} to {exchange}")), source));
    if report.queues.is_empty() {
        terminal.line("no queue gets it")?;
    } else {
        let mut table = Table::new(&["QUEUE", "THROUGH"]);
        for reached in &report.queues {
            for via in &reached.via {
                table.row(terminal, [reached.queue.clone(), way(via, reached.certain)]);
            }
        }
        lines(terminal, &table)?;
    }
    if !report.near.is_empty() {
        terminal.line("")?;
        let mut table = Table::new(&["NEARLY", "THROUGH"]);
        for near in &report.near {
            table.row(terminal, [near.queue.clone(), nearly(near)]);
        }
        lines(terminal, &table)?;
    }
    Ok(())
}

fn lines(terminal: &mut Terminal, table: &Table) -> Result<(), Closed> {
    table.lines(terminal).iter().try_for_each(|line| terminal.line(line))
}

fn exchange(name: &str) -> String {
    if name.is_empty() { "the default exchange".to_owned() } else { format!("exchange {name}") }
}

fn key(key: &str) -> String {
    if key.is_empty() { "the empty key".to_owned() } else { key.to_owned() }
}

fn way(via: &[Hop], certain: bool) -> String {
    let way = via.iter().map(hop).collect::<Vec<_>>().join(" > ");
    // An exchange of a plugin chooses by rules of its own.
    if certain { way } else { format!("{way}, perhaps") }
}

fn hop(hop: &Hop) -> String {
    if hop.alternate {
        return format!("{} by {ALTERNATE_EXCHANGE}", hop.exchange);
    }
    led(&hop.exchange, &hop.key, &hop.arguments)
}

fn nearly(near: &Near) -> String {
    let way = led(&near.exchange, &near.key, &near.arguments);
    if near.missed.is_empty() { way } else { format!("{way}; not so: {}", near.missed.join(", ")) }
}

/// An exchange and the binding out of it.
fn led(exchange: &str, key: &str, arguments: &Arguments) -> String {
    let exchange = if exchange.is_empty() { "the default exchange" } else { exchange };
    let asked = arguments.iter().map(|(name, value)| format!("{name}={}", typed(value)));
    let asked: Vec<String> = (!key.is_empty()).then(|| key.to_owned()).into_iter().chain(asked).collect();
    if asked.is_empty() { exchange.to_owned() } else { format!("{exchange} with {}", asked.join(", ")) }
}

/// A value as `--headers` takes it.
fn typed(value: &Field) -> String {
    match value {
        Field::F32(n) => format!("{n:?}"),
        Field::F64(n) => format!("{n:?}"),
        other => other.as_int().map_or_else(|| field(other).to_string(), |n| n.to_string()),
    }
}

fn document(request: &Request, event: Option<&str>, report: &Report) -> Value {
    let queues: Vec<Value> = report.queues.iter().map(queue_json).collect();
    let near: Vec<Value> = report.near.iter().map(near_json).collect();
    json!({ "format": "evbus.route/1", "exchange": request.exchange, "key": request.key, "event": event,
        "headers": arguments_json(&request.headers), "queues": queues, "near": near, "beyond": report.beyond })
}

fn queue_json(reached: &Reached) -> Value {
    let via: Vec<Vec<Value>> = reached.via.iter().map(|via| via.iter().map(hop_json).collect()).collect();
    json!({ "name": reached.queue, "certain": reached.certain, "via": via })
}

fn hop_json(hop: &Hop) -> Value {
    json!({ "exchange": hop.exchange, "key": hop.key, "alternate": hop.alternate,
        "arguments": arguments_json(&hop.arguments) })
}

fn near_json(near: &Near) -> Value {
    json!({ "key": near.key, "queue": near.queue, "exchange": near.exchange,
        "arguments": arguments_json(&near.arguments), "missed": near.missed })
}

fn arguments_json(arguments: &Arguments) -> Map<String, Value> {
    arguments.iter().map(|(name, value)| (name.clone(), field(value))).collect()
}
