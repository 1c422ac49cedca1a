//! Replaying against the broker's own shovel and against a bare loop, in one run: `cargo bench --bench replay`.
//!
//! All move the same 50,000 messages of 512 bytes from one queue to another with confirms, on classic and on quorum queues: the shovel as
//! the management UI's "Move messages" sets it up (on-confirm, prefetch 1000), the loop as the least that lapin needs for the same safety
//! (`support/bare.rs`). Machines are noisy: what counts is the ratio of the medians. Needs a broker with the shovel plugin: `EVBUS_URL`
//! and `EVBUS_MANAGEMENT_URL` name it, and `evbus sandbox -- cargo bench --bench replay` brings one. `EVBUS_BENCH_MESSAGES` and
//! `EVBUS_BENCH_ROUNDS` change the size. The target: as fast as the shovel on both, at least 0.9 times as fast as the bare loop, in less
//! than 60 MB of memory. With `EVBUS_BENCH_REQUIRE=1` it fails where the target is missed, with `0.8` where less than 0.8 of it is reached.

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

use std::time::{Duration, Instant};

use broker::Broker;
use figures::{Failure, median, setting};
use lapin::BasicProperties;
use reqwest::Method;
use serde_json::{Value, json};

const BODY: usize = 512;

/// How much memory evbus may take, in MB.
const MEMORY: f64 = 60.0;

/// How fast evbus is to be beside the bare loop.
const BESIDE_BARE: f64 = 0.9;

const FROM: &str = "evbus-bench.from";
const TO: &str = "evbus-bench.to";

/// Moves with a shovel and says how long it took until the last message was there.
async fn shovel(broker: &Broker, messages: usize) -> Result<Duration, Failure> {
    let arguments = async |queue: &str| -> Result<Value, Failure> {
        Ok(broker.api(Method::GET, &format!("queues/%2F/{queue}"), None).await?["arguments"].clone())
    };
    let value = json!({ "value": { "src-protocol": "amqp091", "src-uri": broker.url, "src-queue": FROM,
        "src-prefetch-count": 1000, "src-delete-after": "queue-length", "src-queue-args": arguments(FROM).await?,
        "dest-protocol": "amqp091", "dest-uri": broker.url, "dest-queue": TO, "dest-queue-args": arguments(TO).await?,
        "ack-mode": "on-confirm" } });
    let began = Instant::now();
    broker.api(Method::PUT, "parameters/shovel/%2F/evbus-bench", Some(value)).await?;
    let took = broker.arrived(TO, messages, began).await;
    broker.api(Method::DELETE, "parameters/shovel/%2F/evbus-bench", None).await?;
    took
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let required = figures::required()?;
    let broker = Broker::connect().await?;
    let (messages, rounds) = (setting("EVBUS_BENCH_MESSAGES", 50_000), setting("EVBUS_BENCH_ROUNDS", 5));
    println!("{messages} messages of {BODY} bytes, RabbitMQ {}, medians of {rounds}", broker.version().await?);
    let mut reached = f64::INFINITY;
    for kind in ["classic", "quorum"] {
        let (mut ours, mut work, mut memory) = (Vec::new(), Vec::new(), 0.0_f64);
        let (mut shovels, mut loops, mut loops_work) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            for mover in ["evbus", "shovel", "bare loop"] {
                for queue in [FROM, TO] {
                    broker.declare(queue, kind).await?;
                }
                broker.fill(FROM, messages, |_| (BasicProperties::default(), vec![b'x'; BODY])).await?;
                match mover {
                    "evbus" => {
                        let taken = broker
                            .evbus(&["dlq", "replay", FROM, "--to", &format!("queue:{TO}"), "--yes", "-q"])
                            .await?;
                        ours.push(taken.time.as_secs_f64());
                        work.push(taken.work);
                        memory = memory.max(taken.memory);
                    }
                    "shovel" => shovels.push(shovel(&broker, messages).await?.as_secs_f64()),
                    _ => {
                        let taken = bare::shift(&broker, FROM, TO, messages).await?;
                        loops.push(taken.time.as_secs_f64());
                        loops_work.push(taken.work);
                    }
                }
                let arrived = broker.depth(TO).await?;
                if arrived != messages {
                    return Err(format!("{mover} moved {messages} messages, and {arrived} arrived").into());
                }
            }
        }
        let (ours, shovel, bare) = (median(ours), median(shovels), median(loops));
        let per = |work: Vec<f64>| median(work) * 100_000.0 / messages as f64;
        println!(
            "{kind:8} evbus {ours:5.2} s ({:6.0}/s, {memory:.0} MB)   {:.2} times as fast as the shovel, {:.2} times as fast as the bare loop;   work for 100,000: evbus {:.1} s, bare loop {:.1} s",
            messages as f64 / ours,
            shovel / ours,
            bare / ours,
            per(work),
            per(loops_work),
        );
        reached = reached.min(shovel / ours).min(bare / ours / BESIDE_BARE).min(MEMORY / memory);
    }
    for queue in [FROM, TO] {
        broker.delete(queue).await?;
    }
    figures::judge(
        reached,
        required,
        "as fast as the shovel on both, 0.9 times as fast as the bare loop, in less than 60 MB",
    )
}
