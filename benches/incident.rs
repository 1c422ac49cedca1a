//! An incident of a hundred thousand dead letters, and how evbus grows with it: `cargo bench --bench incident`.
//!
//! A dead letter queue of messages of 1 KiB, on classic and on quorum queues: groups, a replay of one in a hundred, an export, the replay
//! of all, and a restore of the export. Beside the looks stands a bare consume of the same queue (`support/bare.rs`). The same is done with a
//! tenth of the messages, which shows whether a step takes more than its share. Needs a broker: `EVBUS_URL` and `EVBUS_MANAGEMENT_URL` name
//! it, and `evbus sandbox -- cargo bench --bench incident` brings one. `EVBUS_BENCH_MESSAGES=1000000` is a million of them. The target: less
//! than 100 MB of memory in each step, groups and the filtered replay at least half as fast as the bare consume, and no step more than twice
//! its share of time at ten times the size. With `EVBUS_BENCH_REQUIRE=1` it fails where the target is missed.

#![allow(
    clippy::disallowed_methods,
    reason = "the environment says which broker, and lapin prepares the queues in clear"
)]
#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]
#![allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]

#[path = "support/bare.rs"]
mod bare;
#[path = "support/broker.rs"]
mod broker;
#[path = "support/figures.rs"]
mod figures;

use std::path::Path;

use broker::{Broker, Taken};
use figures::{Failure, setting};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldArray, FieldTable},
};

/// Bytes of a body, about.
const BODY: usize = 1024;
/// How much memory a step may take, in MB.
const MEMORY: f64 = 100.0;
/// How fast a look is to be beside the bare consume.
const BESIDE_BARE: f64 = 0.5;
/// How much more than its share a step may take of ten times as many messages.
const GROWTH: f64 = 2.0;

const DEAD: &str = "evbus-bench.dlq";
const WORK: &str = "evbus-bench.work";

/// A dead letter as a broker leaves it behind: one in a hundred is of another event.
fn letter(number: usize) -> (BasicProperties, Vec<u8>) {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut death = FieldTable::default();
    for (name, value) in [("queue", WORK), ("reason", "rejected"), ("exchange", "events")] {
        death.insert(name.into(), text(value));
    }
    death.insert("count".into(), AMQPValue::LongLongInt(1));
    death.insert("time".into(), AMQPValue::Timestamp(1_700_000_000 + number as u64 / 100));
    let mut keys = FieldArray::default();
    keys.push(text("email.classified"));
    death.insert("routing-keys".into(), AMQPValue::FieldArray(keys));
    let mut deaths = FieldArray::default();
    deaths.push(AMQPValue::FieldTable(death));
    let mut headers = FieldTable::default();
    headers.insert("x-death".into(), AMQPValue::FieldArray(deaths));
    let event = if number.is_multiple_of(100) { "QuoteCreated" } else { "EmailClassified" };
    let start = format!(r#"{{"event_id":"{number}","event_type":"{event}","payload":{{"text":""#);
    let body = format!("{start}{}\"}}}}", "x".repeat(BODY - start.len()));
    (BasicProperties::default().with_headers(headers), body.into_bytes())
}

/// What each step took of so many messages, and the bare consume beside them, in seconds.
async fn incident(broker: &Broker, kind: &str, messages: usize, folder: &Path) -> Result<(Vec<Step>, f64), Failure> {
    for queue in [DEAD, WORK] {
        broker.declare(queue, kind).await?;
    }
    broker.fill(DEAD, messages, letter).await?;
    let bare = bare::read(broker, DEAD, messages).await?.as_secs_f64();
    broker.arrived(DEAD, messages, std::time::Instant::now()).await?;
    let archive = folder.join(format!("{kind}-{messages}.ndjson.zst"));
    let archive = archive.to_str().ok_or("a folder without a name")?;
    let chosen = messages.div_ceil(100);
    let mut steps = Vec::new();
    for (name, arguments, dead) in [
        ("groups", vec!["dlq", "groups", DEAD], messages),
        ("replay of 1 %", vec!["dlq", "replay", DEAD, "--event", "QuoteCreated", "--yes"], messages - chosen),
        ("export", vec!["dlq", "export", DEAD, "--out", archive], messages - chosen),
        ("replay of all", vec!["dlq", "replay", DEAD, "--yes"], 0),
        ("restore", vec!["dlq", "restore", archive, "--yes"], messages - chosen),
    ] {
        let taken = broker.evbus(&[arguments, vec!["-q"]].concat()).await?;
        broker.arrived(DEAD, dead, std::time::Instant::now()).await?;
        steps.push(Step { name, taken });
    }
    Ok((steps, bare))
}

struct Step {
    name: &'static str,
    taken: Taken,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let required = figures::required()?;
    let broker = Broker::connect().await?;
    let messages = setting("EVBUS_BENCH_MESSAGES", 100_000);
    println!("{messages} messages of {BODY} bytes, RabbitMQ {}", broker.version().await?);
    let folder = std::env::temp_dir().join(format!("evbus-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut reached = f64::INFINITY;
    for kind in ["classic", "quorum"] {
        let (few, _) = incident(&broker, kind, messages / 10, &folder).await?;
        let (many, bare) = incident(&broker, kind, messages, &folder).await?;
        println!("{kind:8} bare consume {bare:7.2} s");
        for (few, Step { name, taken }) in few.iter().zip(&many) {
            let time = taken.time.as_secs_f64();
            let growth = time / (few.taken.time.as_secs_f64() * 10.0);
            println!(
                "{kind:8} {name:14} {time:7.2} s ({:6.0}/s, {:.0} MB)   {:.2} times as fast as the bare consume, {growth:.2} times its share",
                messages as f64 / time,
                taken.memory,
                bare / time,
            );
            reached = reached.min(MEMORY / taken.memory).min(GROWTH / growth);
            if matches!(*name, "groups" | "replay of 1 %") {
                reached = reached.min(bare / time / BESIDE_BARE);
            }
        }
    }
    for queue in [DEAD, WORK] {
        broker.delete(queue).await?;
    }
    std::fs::remove_dir_all(&folder)?;
    figures::judge(
        reached,
        required,
        "less than 100 MB, looks at least half as fast as a bare consume, and no step more than twice its share at ten times the size",
    )
}
