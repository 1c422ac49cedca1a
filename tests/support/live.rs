//! A real broker.

pub mod handler;

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use evbus::sandbox::{self, Options, Sandbox};
use futures_util::future::try_join_all;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions, BasicQosOptions,
        ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable, ShortString},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::run::{self, Run};

/// The broker of this test process: its addresses, and what keeps it alive. The sandbox goes with the process: its keeper sees
/// the pipe end.
static SHARED: OnceLock<Option<(String, String, Option<Sandbox>)>> = OnceLock::new();

fn shared() -> Option<(String, String)> {
    let found = SHARED.get_or_init(|| {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let (Some(url), Some(management)) = (variable("EVBUS_TEST_URL"), variable("EVBUS_TEST_MANAGEMENT_URL")) {
            return Some((url, management, None));
        }
        match Sandbox::start(&options(), || false) {
            Ok(sandbox) => Some((sandbox.url(), sandbox.management_url(), Some(sandbox))),
            Err(sandbox::Error::NotInstalled) if variable("EVBUS_REQUIRE_BROKER").is_none() => None,
            Err(error) => panic!("a broker is required: {error}: {error:?}"),
        }
    });
    found.as_ref().map(|(url, management, _)| (url.clone(), management.clone()))
}

/// How a test starts a sandbox of its own.
pub fn options() -> Options {
    let server = std::env::var_os("EVBUS_RABBITMQ_SERVER").filter(|value| !value.is_empty()).map(Into::into);
    Options { server, keeper: run::program() }
}

/// A broker for a test, and a virtual host that is the test's own.
pub struct Live {
    url: String,
    management: String,
    /// The virtual host.
    pub vhost: String,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    connection: Connection,
    /// A channel with confirms.
    pub channel: Channel,
    /// Whether the broker goes with all that is on it.
    is_fleeting: bool,
}

/// A broker for the test of that name, or nothing, said aloud.
///
/// # Panics
/// When a broker is required and there is none.
pub fn broker(test: &str) -> Option<Live> {
    let Some((url, management)) = shared() else {
        eprintln!("SKIPPED {test}: no RabbitMQ here; ./tests/with-rabbitmq cargo test installs one");
        return None;
    };
    Some(Live::at(&url, &management, test))
}

impl Live {
    /// A virtual host on that broker.
    ///
    /// # Panics
    /// When the broker cannot be used.
    pub fn at(url: &str, management: &str, test: &str) -> Live {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime for the test");
        let vhost = format!("evbus-test-{test}-{}", std::process::id());
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let (connection, channel) = runtime.block_on(async {
            for (method, path, body) in [
                (Method::DELETE, format!("vhosts/{vhost}"), None),
                (Method::PUT, format!("vhosts/{vhost}"), Some(json!({}))),
                (
                    Method::PUT,
                    format!("permissions/{vhost}/guest"),
                    Some(json!({"configure": ".*", "write": ".*", "read": ".*"})),
                ),
            ] {
                call(&http, management, method, &path, body).await;
            }
            let connection = dial(url, &vhost).await;
            let channel = connection.create_channel().await.expect("a channel");
            channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
            (connection, channel)
        });
        let (url, management) = (url.to_owned(), management.to_owned());
        Live { url, management, vhost, http, runtime, connection, channel, is_fleeting: false }
    }

    /// The same on a broker that goes with all that is on it, and may be gone first: nothing is cleared up on it.
    pub fn fleeting(mut self) -> Live {
        self.is_fleeting = true;
        self
    }

    /// The program, told to use this broker and virtual host.
    pub fn evbus(&self, arguments: &[&str]) -> Run {
        let patience: &[&str] = if arguments.contains(&"--timeout") { &[] } else { &["--timeout", "60s"] };
        run::evbus(arguments).env("EVBUS_URL", self.url()).env("EVBUS_MANAGEMENT_URL", &self.management).and(patience)
    }

    /// The broker's address with the virtual host.
    pub fn url(&self) -> String {
        format!("{}/{}", self.url, self.vhost.replace('/', "%2F"))
    }

    /// The broker's address without one.
    pub fn server_url(&self) -> &str {
        &self.url
    }

    /// The management API's address.
    pub fn management_url(&self) -> &str {
        &self.management
    }

    /// Connects anew to a broker that has restarted; waits until it answers, and tells of that queue. A broker that is still starting
    /// refuses, is silent, or does not know its queues yet: each try is bounded, and the next one follows.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn reconnect(&mut self, queue: &str) {
        let deadline = Instant::now() + Duration::from_secs(90);
        let address = self.url();
        let attempt = async || -> lapin::Result<(Connection, Channel)> {
            let connection = Connection::connect(&address, ConnectionProperties::default()).await?;
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            channel.queue_declare(ShortString::from(queue), passive, FieldTable::default()).await?;
            Ok((connection, channel))
        };
        loop {
            let tried = self.wait(async { tokio::time::timeout(Duration::from_secs(5), attempt()).await });
            if let Ok(Ok((connection, channel))) = tried {
                (self.connection, self.channel) = (connection, channel);
                return;
            }
            assert!(Instant::now() < deadline, "the broker does not come back: {:?}", tried.map(Result::err));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits for something, and not for ever.
    ///
    /// # Panics
    /// When it does not come within three minutes: no test may hang.
    #[track_caller]
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        let bounded = async { tokio::time::timeout(Duration::from_secs(180), work).await };
        self.runtime.block_on(bounded).unwrap_or_else(|_| panic!("the broker did not answer the test in time"))
    }

    /// One call of the management API.
    pub fn api(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        self.wait(call(&self.http, &self.management, method, path, body))
    }

    /// The broker's series, as in `4.3`.
    pub fn version(&self) -> evbus::version::Version {
        let version = self.api(Method::GET, "overview", None)["rabbitmq_version"].clone();
        version.as_str().and_then(|text| text.parse().ok()).expect("the broker has a version")
    }

    /// Declares a durable queue.
    pub fn queue(&self, name: &str, arguments: &[(&str, Value)]) {
        let mut table = FieldTable::default();
        for (key, value) in arguments {
            let value = match value {
                Value::Bool(v) => AMQPValue::Boolean(*v),
                Value::Number(v) => AMQPValue::LongLongInt(v.as_i64().expect("an integer")),
                other => AMQPValue::LongString(other.as_str().expect("a text").into()),
            };
            table.insert(ShortString::from(*key), value);
        }
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.wait(self.channel.queue_declare(ShortString::from(name), options, table)).expect("the queue is declared");
    }

    /// A work queue of that type whose rejected messages go to its own dead letter queue of the same type.
    pub fn pair(&self, kind: &str, work: &str, dlq: &str) {
        self.queue(
            work,
            &[
                ("x-queue-type", json!(kind)),
                ("x-dead-letter-exchange", json!("")),
                ("x-dead-letter-routing-key", json!(dlq)),
            ],
        );
        self.queue(dlq, &[("x-queue-type", json!(kind))]);
    }

    /// Deletes a queue.
    pub fn delete(&self, name: &str) {
        self.wait(self.channel.queue_delete(ShortString::from(name), QueueDeleteOptions::default())).expect("it goes");
    }

    /// Publishes to a queue, confirmed.
    pub fn publish(&self, queue: &str, messages: impl IntoIterator<Item = (BasicProperties, Vec<u8>)>) {
        self.publish_to("", queue, messages);
    }

    /// Publishes to an exchange, confirmed.
    pub fn publish_to(
        &self,
        exchange: &str,
        key: &str,
        messages: impl IntoIterator<Item = (BasicProperties, Vec<u8>)>,
    ) {
        let messages: Vec<_> = messages.into_iter().collect();
        self.wait(async {
            for batch in messages.chunks(500) {
                let sending = batch.iter().map(async |(properties, body)| {
                    let options = BasicPublishOptions::default();
                    let (exchange, key) = (ShortString::from(exchange), ShortString::from(key));
                    self.channel.basic_publish(exchange, key, options, body, properties.clone()).await?.await
                });
                try_join_all(sending).await.expect("the broker confirms");
            }
        });
    }

    /// Publishes so many numbered persistent messages.
    pub fn fill(&self, queue: &str, count: usize) {
        self.publish(queue, (0..count).map(|number| (numbered(number), format!("{{\"n\":{number}}}").into_bytes())));
    }

    /// Rejects everything in a queue, so that it is dead-lettered, and waits until the other queue has it.
    pub fn reject_all(&self, work: &str, dlq: &str) {
        let (all, before) = (self.ready(work), self.ready(dlq));
        self.wait(async {
            let channel = self.connection.create_channel().await.expect("a channel");
            channel.basic_qos(500, BasicQosOptions::default()).await.expect("a prefetch");
            let mut consumer = channel
                .basic_consume(
                    ShortString::from(work),
                    "".into(),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await
                .expect("a consumer");
            for number in 1..=all {
                let delivery =
                    futures_util::StreamExt::next(&mut consumer).await.expect("a delivery").expect("a message");
                if number % 250 == 0 || number == all {
                    let options = BasicNackOptions { multiple: true, requeue: false };
                    channel.basic_nack(delivery.delivery_tag, options).await.expect("it is rejected");
                }
            }
            channel.close(200, "done".into()).await.expect("the channel closes");
        });
        self.until("the dead letters are there", || self.ready(dlq) == before + all);
    }

    /// How many messages of a queue are ready. Broker fact: a quorum queue that is too busy to answer within a quarter of a second says that
    /// it holds none; such an answer is asked for again.
    pub fn ready(&self, queue: &str) -> u32 {
        self.wait(async {
            let channel = self.connection.create_channel().await.expect("a channel");
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let ready = loop {
                let asked = Instant::now();
                let found = channel.queue_declare(ShortString::from(queue), options, FieldTable::default()).await;
                let ready = found.expect("the queue is there").message_count();
                if ready > 0 || asked.elapsed() < Duration::from_millis(200) {
                    break ready;
                }
            };
            let _ = channel.close(200, "done".into()).await;
            ready
        })
    }

    /// Takes everything out of a queue.
    pub fn drain(&self, queue: &str) -> Vec<lapin::message::Delivery> {
        // Broker fact: each get from a quorum queue is an entry in its log of its own. For thousands of them a slow disk needs minutes.
        const MANY: u32 = 500;
        let ready = self.ready(queue);
        let mut all = if ready > MANY { self.consume(queue, ready as usize) } else { Vec::new() };
        self.wait(async {
            let options = BasicGetOptions { no_ack: true };
            while let Some(got) = self.channel.basic_get(ShortString::from(queue), options).await.expect("a get") {
                all.push(got.delivery);
            }
            all
        })
    }

    /// Takes so many messages from a queue, or those that there are.
    pub fn consume(&self, queue: &str, count: usize) -> Vec<lapin::message::Delivery> {
        self.wait(async {
            let channel = self.connection.create_channel().await.expect("a channel");
            channel.basic_qos(500, BasicQosOptions::default()).await.expect("a prefetch");
            let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
            let consuming = channel.basic_consume(ShortString::from(queue), "".into(), options, arguments).await;
            let mut deliveries = consuming.expect("a consumer");
            let mut all = Vec::with_capacity(count);
            while all.len() < count {
                let next = tokio::time::timeout(Duration::from_secs(5), futures_util::StreamExt::next(&mut deliveries));
                let Ok(delivery) = next.await else { break };
                let delivery = delivery.expect("a delivery").expect("a message");
                all.push(delivery);
                if all.len().is_multiple_of(250) {
                    acknowledge(&channel, &all).await;
                }
            }
            if !all.len().is_multiple_of(250) {
                acknowledge(&channel, &all).await;
            }
            channel.close(200, "done".into()).await.expect("the channel closes");
            all
        })
    }

    /// The `message_id`s in a queue, in order; the queue is empty afterwards.
    pub fn ids(&self, queue: &str) -> Vec<String> {
        let id = |delivery: lapin::message::Delivery| {
            delivery.properties.message_id().as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default()
        };
        self.drain(queue).into_iter().map(id).collect()
    }

    /// Asks until the answer is yes, for two minutes: a loaded machine may need them.
    ///
    /// # Panics
    /// When it never was.
    #[track_caller]
    #[allow(clippy::unused_self, reason = "it reads as a question to the broker, as the others do")]
    pub fn until(&self, what: &str, mut ask: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            // What one question does may itself take long: there is one more after the deadline.
            let is_last = Instant::now() > deadline;
            if ask() {
                return;
            }
            assert!(!is_last, "{what}: it never came to that");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Acknowledges everything that came on a channel.
async fn acknowledge(channel: &lapin::Channel, all: &[lapin::message::Delivery]) {
    let last = all.last().map_or(0, |delivery| delivery.delivery_tag);
    channel.basic_ack(last, BasicAckOptions { multiple: true }).await.expect("it is acknowledged");
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.is_fleeting {
            return;
        }
        let path = format!("vhosts/{}", self.vhost);
        self.wait(async {
            let _ = tokio::time::timeout(Duration::from_secs(2), self.connection.close(200, "done".into())).await;
            call(&self.http, &self.management, Method::DELETE, &path, None).await;
            // What evbus has written down about it outlives it.
            let records = call(&self.http, &self.management, Method::GET, "global-parameters", None).await;
            let ours = format!("evbus.{}.", self.vhost);
            let names = records.as_array().into_iter().flatten().filter_map(|record| record["name"].as_str());
            for name in names.filter(|name| name.starts_with(&ours)) {
                let path = format!("global-parameters/{name}");
                call(&self.http, &self.management, Method::DELETE, &path, None).await;
            }
        });
    }
}

/// The properties of a numbered message.
pub fn numbered(number: usize) -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2).with_message_id(ShortString::from(format!("m{number}").as_str()))
}

/// A connection as tests need it: in clear, on loopback.
pub async fn dial(url: &str, vhost: &str) -> Connection {
    let url = format!("{url}/{}", vhost.replace('/', "%2F"));
    let connecting = Connection::connect(&url, ConnectionProperties::default());
    connecting.await.expect("the broker of the tests is there")
}

async fn call(http: &reqwest::Client, management: &str, method: Method, path: &str, body: Option<Value>) -> Value {
    let mut request = http.request(method, format!("{management}/api/{path}")).basic_auth("guest", Some("guest"));
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.expect("the management API answers");
    let text = answer.text().await.unwrap_or_default();
    serde_json::from_str(&text).unwrap_or(Value::Null)
}
