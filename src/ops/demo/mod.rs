//! The whole story on one bus: laid out, published to, watched, failing, looked at, put right.
//!
//! Every step is a real command of evbus, run as anybody would run it, in a sandbox of its own.

mod service;

use std::{io, path::PathBuf, time::Duration};

use tokio::process::{Child, Command};

use self::service::{Service, Work};
use super::sandbox;
use crate::{
    broker::{self, Broker},
    interrupt::Interrupt,
    sandbox::{Options, Sandbox},
};

const FILE: &str = "order-bus.yaml";
const SCHEMA: &str = "EmailClassified-1.0.json";

/// Why the story could not be told to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no sandbox.
    #[error(transparent)]
    Sandbox(#[from] crate::sandbox::Error),
    /// The broker in it could not be used.
    #[error(transparent)]
    Broker(#[from] broker::Error),
    /// A file or process could not be made.
    #[error("cannot tell the story")]
    Setup(#[from] io::Error),
    /// A command of the story failed.
    #[error("`{command}` failed")]
    Failed {
        /// The command.
        command: String,
    },
    /// The service did not do what the story says.
    #[error("the service {did}")]
    Surprise {
        /// What it did.
        did: String,
    },
    /// The operator did not want to hear it out.
    #[error("interrupted")]
    Interrupted,
}

/// What is told.
pub enum Event<'a> {
    /// What happens next, in words.
    Tell(&'a str),
    /// A command that is run.
    Run(&'a str),
    /// What it printed.
    Output(&'a str),
}

/// What the story is told with.
pub struct Request {
    /// The server program.
    pub server: Option<PathBuf>,
    /// The evbus program.
    pub program: PathBuf,
    /// Columns of the terminal.
    pub width: u16,
}

/// Makes a broker of the sandbox's addresses.
pub type Connect<'a> = &'a dyn Fn(&Sandbox) -> Result<Broker, broker::Error>;

/// Tells the story.
///
/// # Errors
/// See [`Error`]. Nothing is left behind in any case.
pub async fn run(
    request: Request,
    connect: Connect<'_>,
    interrupt: &Interrupt,
    mut listen: impl FnMut(Event<'_>),
) -> Result<(), Error> {
    listen(Event::Tell("A private RabbitMQ is started; it goes when the story ends."));
    let options = Options { server: request.server.clone(), keeper: request.program.clone() };
    let sandbox = sandbox::start(options, interrupt).await?;
    let broker = connect(&sandbox)?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join(FILE), include_str!("order-bus.yaml"))?;
    std::fs::write(folder.path().join(SCHEMA), include_str!("EmailClassified-1.0.json"))?;
    let mut stage = Stage { request, sandbox, folder, listen };
    tokio::select! {
        told = stage.tell(&broker) => told,
        () = interrupt.raised() => Err(Error::Interrupted),
    }
}

struct Stage<L> {
    request: Request,
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    listen: L,
}

/// More lines than this of one command are told by their beginning and end.
const LONG: usize = 40;

/// An event's payload, as the story's commands are given it.
const PAYLOAD: &str = r#"{"email_id":"e-1","category":"INQUIRY","priority_score":8}"#;

impl<L: FnMut(Event<'_>)> Stage<L> {
    async fn tell(&mut self, broker: &Broker) -> Result<(), Error> {
        (self.listen)(Event::Tell(
            "One file says which events there are, who publishes them, and who subscribes. It becomes a topic exchange, a queue, a dead letter queue and a retry ladder for each service, and a stream that keeps everything.",
        ));
        self.run(&["apply", "--yes", "-q"]).await?;

        (self.listen)(Event::Tell(
            "Somebody watches the bus while events are published. The payload is checked against the event's schema, and a route to nowhere would be an error.",
        ));
        let tail = self.start(&["tail", "#", "--limit", "4", "--for", "30s", "--ready"])?;
        self.bound(broker).await?;
        self.run(&["publish", "EmailClassified", "--count", "3", "--data", PAYLOAD]).await?;
        self.run(&["publish", "QuoteCreated", "--data", r#"{"quote_id":"q-1"}"#]).await?;
        self.finish("evbus tail '#' --limit 4", tail).await?;

        (self.listen)(Event::Tell(
            "customer-service is broken today. Each event fails, waits one second, fails, waits two, fails, and is a dead letter.",
        ));
        let broken = Service { queue: "customer-service", ladder: "events.retry", attempts: 2, healthy: false };
        let did = broken.work(broker, Duration::from_secs(4)).await?;
        expect(did, Work { handled: 0, retried: 6, dead: 3 })?;
        self.run(&["dlq", "list"]).await?;

        (self.listen)(Event::Tell("What died, and why? Looking takes nothing away."));
        self.run(&["dlq", "show", "customer-service.dlq", "--limit", "1"]).await?;

        (self.listen)(Event::Tell(
            "The service is repaired. Its dead letters go back to its own queue: nobody else gets them again.",
        ));
        self.run(&["dlq", "replay", "customer-service.dlq", "--yes"]).await?;
        let repaired = Service { healthy: true, ..broken };
        let did = repaired.work(broker, Duration::from_secs(1)).await?;
        expect(did, Work { handled: 3, retried: 0, dead: 0 })?;
        (self.listen)(Event::Tell("It has handled all three."));
        self.run(&["queues", "customer"]).await?;
        (self.listen)(Event::Tell("That is the story. `evbus init` writes a file to begin your own with."));
        Ok(())
    }

    /// Runs a command of ours and shows what it printed.
    async fn run(&mut self, arguments: &[&str]) -> Result<(), Error> {
        let child = self.start(arguments)?;
        let shown: Vec<String> =
            arguments.iter().filter(|argument| !["--yes", "-q"].contains(argument)).map(|a| shown(a)).collect();
        self.finish(&format!("evbus {}", shown.join(" ")), child).await
    }

    fn start(&self, arguments: &[&str]) -> Result<Child, Error> {
        Ok(Command::new(&self.request.program)
            .args(arguments)
            .args(["--file", FILE])
            .current_dir(self.folder.path())
            .env("EVBUS_URL", self.sandbox.url())
            .env("EVBUS_MANAGEMENT_URL", self.sandbox.management_url())
            .env("COLUMNS", self.request.width.to_string())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()?)
    }

    async fn finish(&mut self, command: &str, child: Child) -> Result<(), Error> {
        let output = child.wait_with_output().await?;
        (self.listen)(Event::Run(command));
        for stream in [&output.stderr, &output.stdout] {
            let text = String::from_utf8_lossy(stream);
            let lines: Vec<&str> = text.lines().filter(|line| *line != "ready").collect();
            // A long list is known by its beginning and its end.
            let (beginning, end) = if lines.len() > LONG { (3, lines.len() - 1) } else { (lines.len(), lines.len()) };
            lines[..beginning].iter().for_each(|line| (self.listen)(Event::Output(line)));
            if end > beginning {
                (self.listen)(Event::Output("…"));
            }
            lines[end..].iter().for_each(|line| (self.listen)(Event::Output(line)));
        }
        if output.status.success() { Ok(()) } else { Err(Error::Failed { command: command.to_owned() }) }
    }

    /// Waits until the watcher's queue is bound: what is published before is not seen.
    async fn bound(&self, broker: &Broker) -> Result<(), Error> {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let bindings = broker.management().bindings(broker.vhost()).await?;
            let watches =
                |b: &broker::management::BindingInfo| b.source == "events" && b.destination.starts_with("evbus-tail-");
            if bindings.iter().any(watches) {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                return Err(Error::Surprise { did: "that watches the bus was not ready in time".to_owned() });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn expect(did: Work, expected: Work) -> Result<(), Error> {
    if did == expected {
        return Ok(());
    }
    let Work { handled, retried, dead } = did;
    Err(Error::Surprise { did: format!("handled {handled} events, retried {retried} times and gave up on {dead}") })
}

/// An argument as it would be typed.
fn shown(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,/:=".contains(c);
    if argument.chars().all(plain) { argument.to_owned() } else { format!("'{argument}'") }
}
