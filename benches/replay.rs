//! Replaying against the broker's own shovel, in one run: `cargo bench --bench replay`.
//!
//! Both move the same 50,000 messages of 512 bytes from one queue to another with confirms, on classic and on quorum queues;
//! the shovel as the management UI's "Move messages" sets it up (on-confirm, prefetch 1000). Machines are noisy: what counts
//! is the ratio of the medians. Needs a broker with the shovel plugin: `EVBUS_URL` and `EVBUS_MANAGEMENT_URL` name it, and
//! `evbus sandbox -- cargo bench --bench replay` brings one. `EVBUS_BENCH_MESSAGES` and `EVBUS_BENCH_ROUNDS` change the size. The
//! target: as fast as the shovel on both, in less than 60 MB of memory. With `EVBUS_BENCH_REQUIRE=1` it fails where the target is
//! missed, with `0.8` where less than 0.8 of it is reached.

#![allow(
    clippy::disallowed_methods,
    reason = "the environment says which broker, and lapin prepares the queues in clear"
)]
#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]
#![allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]

#[path = "support/figures.rs"]
mod figures;

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use figures::{Failure, median, setting};
use futures_util::future::try_join_all;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use serde_json::{Value, json};

const BODY: usize = 512;

/// How much memory evbus may take, in MB.
const MEMORY: f64 = 60.0;

struct Broker {
    url: String,
    management: String,
    channel: Channel,
    http: reqwest::Client,
}

impl Broker {
    async fn connect() -> Result<Broker, Failure> {
        let url = std::env::var("EVBUS_URL").map_err(|_| "EVBUS_URL names no broker")?;
        let management = std::env::var("EVBUS_MANAGEMENT_URL").map_err(|_| "EVBUS_MANAGEMENT_URL names no API")?;
        // A fixture, on loopback, in clear: the program itself never lets lapin dial.
        #[allow(clippy::disallowed_methods)]
        let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Broker { url, management, channel, http: figures::http()? })
    }

    async fn api(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        let (user, password) = credentials(&self.url);
        let mut request =
            self.http.request(method, format!("{}/api/{path}", self.management)).basic_auth(user, Some(password));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let text = request.send().await?.text().await?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    async fn declare(&self, name: &str, kind: &str) -> Result<(), Failure> {
        let name = ShortString::try_new(name)?;
        self.channel.queue_delete(name.clone(), QueueDeleteOptions::default()).await?;
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.channel.queue_declare(name, options, arguments).await?;
        Ok(())
    }

    async fn fill(&self, queue: &str, messages: usize) -> Result<(), Failure> {
        let (name, body) = (ShortString::try_new(queue)?, vec![b'x'; BODY]);
        for start in (0..messages).step_by(1000) {
            let batch = (start..messages.min(start + 1000)).map(|number| {
                let properties = BasicProperties::default()
                    .with_delivery_mode(2)
                    .with_message_id(ShortString::from(format!("m{number}").as_str()));
                let sending = self.channel.basic_publish(
                    "".into(),
                    name.clone(),
                    BasicPublishOptions::default(),
                    &body,
                    properties,
                );
                async move { sending.await?.await }
            });
            try_join_all(batch).await?;
        }
        Ok(())
    }

    async fn depth(&self, queue: &str) -> Result<usize, Failure> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = self.channel.queue_declare(ShortString::try_new(queue)?, options, FieldTable::default()).await?;
        Ok(usize::try_from(found.message_count())?)
    }

    async fn purge(&self, queue: &str) -> Result<(), Failure> {
        self.channel.queue_purge(ShortString::try_new(queue)?, QueuePurgeOptions::default()).await?;
        Ok(())
    }

    /// Moves with a shovel and says how long it took until the last message was there.
    async fn shovel(&self, from: &str, to: &str, messages: usize) -> Result<Duration, Failure> {
        let value = json!({ "value": { "src-protocol": "amqp091", "src-uri": self.url, "src-queue": from,
            "src-prefetch-count": 1000, "src-delete-after": "queue-length", "src-queue-args": self.arguments(from).await?,
            "dest-protocol": "amqp091", "dest-uri": self.url, "dest-queue": to, "dest-queue-args": self.arguments(to).await?,
            "ack-mode": "on-confirm" } });
        let began = Instant::now();
        self.api(reqwest::Method::PUT, "parameters/shovel/%2F/evbus-bench", Some(value)).await?;
        let took = self.arrived(to, messages, began).await;
        self.api(reqwest::Method::DELETE, "parameters/shovel/%2F/evbus-bench", None).await?;
        took
    }

    async fn arguments(&self, queue: &str) -> Result<Value, Failure> {
        Ok(self.api(reqwest::Method::GET, &format!("queues/%2F/{queue}"), None).await?["arguments"].clone())
    }

    async fn arrived(&self, queue: &str, messages: usize, began: Instant) -> Result<Duration, Failure> {
        while self.depth(queue).await? < messages {
            if began.elapsed() > Duration::from_secs(300) {
                return Err(format!("only {} of {messages} messages arrived", self.depth(queue).await?).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(began.elapsed())
    }

    /// Moves with evbus, as a process of its own; says how long it took and the most memory it had, in MB.
    async fn evbus(&self, from: &str, to: &str, messages: usize) -> Result<(Duration, f64), Failure> {
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_evbus"))
            .args(["dlq", "replay", from, "--to", &format!("queue:{to}"), "--yes", "-q"])
            .env("EVBUS_URL", &self.url)
            .env("EVBUS_MANAGEMENT_URL", &self.management)
            .env("EVBUS_STATE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/state"))
            .stdout(Stdio::null())
            .spawn()?;
        let mut peak: f64 = 0.0;
        let status = loop {
            peak = peak.max(peak_memory(child.id()).unwrap_or(0.0));
            match child.try_wait()? {
                Some(status) => break status,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        let took = began.elapsed();
        if !status.success() || self.depth(to).await? != messages {
            return Err(format!("evbus ended with {status}, {} messages arrived", self.depth(to).await?).into());
        }
        Ok((took, peak))
    }
}

fn credentials(url: &str) -> (String, String) {
    let userinfo =
        url.split("://").nth(1).and_then(|rest| rest.split_once('@')).map_or("guest:guest", |(user, _)| user);
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    (user.to_owned(), password.to_owned())
}

fn peak_memory(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? * 1024.0 / 1e6)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let required = figures::required()?;
    let broker = Broker::connect().await?;
    let (messages, rounds) = (setting("EVBUS_BENCH_MESSAGES", 50_000), setting("EVBUS_BENCH_ROUNDS", 5));
    let version = broker.api(reqwest::Method::GET, "overview", None).await?["rabbitmq_version"].clone();
    println!("{messages} messages of {BODY} bytes, RabbitMQ {version}, medians of {rounds}");
    let mut reached = f64::INFINITY;
    for kind in ["classic", "quorum"] {
        let (mut ours, mut theirs, mut memory) = (Vec::new(), Vec::new(), 0.0_f64);
        for _ in 0..rounds {
            for with_evbus in [true, false] {
                broker.declare("evbus-bench.from", kind).await?;
                broker.declare("evbus-bench.to", kind).await?;
                broker.fill("evbus-bench.from", messages).await?;
                if with_evbus {
                    let (took, peak) = broker.evbus("evbus-bench.from", "evbus-bench.to", messages).await?;
                    ours.push(took.as_secs_f64());
                    memory = memory.max(peak);
                } else {
                    theirs.push(broker.shovel("evbus-bench.from", "evbus-bench.to", messages).await?.as_secs_f64());
                }
                broker.purge("evbus-bench.to").await?;
            }
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "{kind:8} evbus {ours:5.2} s ({:6.0}/s, {memory:.0} MB)   shovel {theirs:5.2} s ({:6.0}/s)   evbus is {:.2} times as fast",
            messages as f64 / ours,
            messages as f64 / theirs,
            theirs / ours,
        );
        reached = reached.min(theirs / ours).min(MEMORY / memory);
    }
    for queue in ["evbus-bench.from", "evbus-bench.to"] {
        broker.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
    }
    figures::judge(reached, required, "at least as fast as the shovel on both, in less than 60 MB")
}
