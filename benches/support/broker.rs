//! The broker of a benchmark: its queues, what fills them, and evbus as a process of its own whose time, memory and work are taken.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use serde_json::Value;

use super::figures::{self, Failure};

/// What a process took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    /// Wall clock.
    pub time: Duration,
    /// The most memory it had, in MB.
    pub memory: f64,
    /// Seconds of processors, its own and the system's for it.
    pub work: f64,
}

/// A broker to measure on.
pub struct Broker {
    /// Where it is.
    pub url: String,
    management: String,
    /// A channel with confirms.
    pub channel: Channel,
    http: reqwest::Client,
}

impl Broker {
    /// The one that the environment names.
    ///
    /// # Errors
    /// When it names none, or it cannot be reached.
    pub async fn connect() -> Result<Broker, Failure> {
        let url = std::env::var("EVBUS_URL").map_err(|_| "EVBUS_URL names no broker")?;
        let management = std::env::var("EVBUS_MANAGEMENT_URL").map_err(|_| "EVBUS_MANAGEMENT_URL names no API")?;
        let channel = dial(&url).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Broker { url, management, channel, http: figures::http()? })
    }

    /// One call of the management API.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn api(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        let (user, password) = credentials(&self.url);
        let mut request =
            self.http.request(method, format!("{}/api/{path}", self.management)).basic_auth(user, Some(password));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let text = request.send().await?.text().await?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Its version.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn version(&self) -> Result<Value, Failure> {
        Ok(self.api(reqwest::Method::GET, "overview", None).await?["rabbitmq_version"].clone())
    }

    /// An empty durable queue of that type.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn declare(&self, name: &str, kind: &str) -> Result<(), Failure> {
        let name = ShortString::try_new(name)?;
        self.channel.queue_delete(name.clone(), QueueDeleteOptions::default()).await?;
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.channel.queue_declare(name, options, arguments).await?;
        Ok(())
    }

    /// Publishes so many numbered persistent messages.
    ///
    /// # Errors
    /// When one is not confirmed.
    pub async fn fill(
        &self,
        queue: &str,
        messages: usize,
        body: impl Fn(usize) -> (BasicProperties, Vec<u8>),
    ) -> Result<(), Failure> {
        let name = ShortString::try_new(queue)?;
        for start in (0..messages).step_by(1000) {
            let batch = (start..messages.min(start + 1000)).map(|number| {
                let (properties, body) = body(number);
                let properties =
                    properties.with_delivery_mode(2).with_message_id(ShortString::from(format!("m{number}").as_str()));
                let name = name.clone();
                async move {
                    let options = BasicPublishOptions::default();
                    self.channel.basic_publish("".into(), name, options, &body, properties).await?.await
                }
            });
            try_join_all(batch).await?;
        }
        Ok(())
    }

    /// Messages ready in a queue.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn depth(&self, queue: &str) -> Result<usize, Failure> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = self.channel.queue_declare(ShortString::try_new(queue)?, options, FieldTable::default()).await?;
        Ok(usize::try_from(found.message_count())?)
    }

    /// Waits until so many messages are ready in a queue, and says how long it took since then.
    ///
    /// # Errors
    /// When they do not come within five minutes.
    pub async fn arrived(&self, queue: &str, messages: usize, began: Instant) -> Result<Duration, Failure> {
        while self.depth(queue).await? < messages {
            if began.elapsed() > Duration::from_secs(300) {
                return Err(format!("only {} of {messages} messages arrived", self.depth(queue).await?).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(began.elapsed())
    }

    /// Removes a queue.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn delete(&self, queue: &str) -> Result<(), Failure> {
        self.channel.queue_delete(ShortString::try_new(queue)?, QueueDeleteOptions::default()).await?;
        Ok(())
    }

    /// Runs evbus as a process of its own.
    ///
    /// # Errors
    /// When it does not end with 0.
    pub async fn evbus(&self, arguments: &[&str]) -> Result<Taken, Failure> {
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_evbus"))
            .args(arguments)
            .env("EVBUS_URL", &self.url)
            .env("EVBUS_MANAGEMENT_URL", &self.management)
            .env("EVBUS_STATE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/state"))
            .stdout(Stdio::null())
            .spawn()?;
        let mut taken = Taken::default();
        let status = loop {
            // Of a process that has ended there is nothing to read any more: what was read last counts.
            taken.memory = taken.memory.max(peak_memory(child.id()).unwrap_or(0.0));
            taken.work = taken.work.max(work(&format!("/proc/{}/stat", child.id())).unwrap_or(0.0));
            match child.try_wait()? {
                Some(status) => break status,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        taken.time = began.elapsed();
        if status.success() {
            Ok(taken)
        } else {
            Err(format!("evbus {} ended with {status}", arguments.join(" ")).into())
        }
    }
}

/// A channel on a connection of its own. A fixture, on loopback, in clear: the program itself never lets lapin dial.
///
/// # Errors
/// When the broker cannot be reached.
#[allow(clippy::disallowed_methods, reason = "a benchmark's fixture, on loopback and in clear")]
pub async fn dial(url: &str) -> Result<Channel, Failure> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    Ok(connection.create_channel().await?)
}

fn credentials(url: &str) -> (String, String) {
    let userinfo =
        url.split("://").nth(1).and_then(|rest| rest.split_once('@')).map_or("guest:guest", |(user, _)| user);
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    (user.to_owned(), password.to_owned())
}

/// The most memory a process had, in MB.
fn peak_memory(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? * 1024.0 / 1e6)
}

/// Seconds of processors that a process has taken so far, itself and the system for it, from its `stat` below `/proc`.
pub fn work(stat: &str) -> Option<f64> {
    /// How many of the system's ticks are a second: fixed in what Linux tells programs.
    const TICKS: f64 = 100.0;
    let text = std::fs::read_to_string(stat).ok()?;
    // The name of the program, in brackets, may hold blanks; user and system time are the twelfth and thirteenth field behind it.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<f64>().ok()?, fields.next()?.parse::<f64>().ok()?);
    Some((user + system) / TICKS)
}
