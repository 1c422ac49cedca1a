//! Watching events pass without taking part: a queue of our own, bounded, gone with our connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    broker::{self, Broker, Connection, Delivery},
    interrupt::Interrupt,
    message::{Field, Message, Table, selector::Selector},
    topology::spec::{BindingSpec, QueueSpec},
};

/// What is to be watched.
pub struct Request {
    /// The exchange.
    pub exchange: String,
    /// Binding keys.
    pub patterns: Vec<String>,
    /// Which of what passes is shown.
    pub selector: Selector,
    /// Stop after so many shown.
    pub limit: Option<u64>,
    /// Stop after this time.
    pub duration: Option<Duration>,
    /// Stop when nothing passed for this time.
    pub idle: Option<Duration>,
    /// How many messages the queue may hold for us; the broker drops older ones beyond that.
    pub buffer: u32,
    /// What the queue is called.
    pub queue: String,
}

/// What happens.
pub enum Event<'a> {
    /// The queue is bound: what is published from now on is seen.
    Ready,
    /// A message passed. Answers whether to go on.
    Message(&'a Message),
}

/// How it ended.
#[derive(Debug, Default)]
pub struct Report {
    /// Messages that passed.
    pub seen: u64,
    /// Messages that were shown.
    pub shown: u64,
    /// Messages the broker dropped because we were slow: 0 where the queue was never full, `None` where it was, since nobody
    /// counts what a full queue drops.
    pub missed: Option<u64>,
    /// Selecting expressions that failed on a message, which counts as not selected.
    pub undecided: u64,
    /// The operator ended it.
    pub interrupted: bool,
    /// Nobody reads what is shown any more.
    pub reader_gone: bool,
    /// What ended it early.
    pub stopped: Option<broker::Error>,
}

/// How far the broker may run ahead of us.
const PREFETCH: u16 = 200;
/// How long writing one message may take before the queue is asked whether it ran over meanwhile.
const STALL: Duration = Duration::from_millis(50);
/// How long acknowledgements wait for others to go with.
const GATHER: Duration = Duration::from_millis(200);
/// How often the queue is asked whether it is full.
const GLANCE: Duration = Duration::from_millis(500);

/// Watches until something ends it: the listener answers whether to go on, and `gone` returns when nobody reads any more.
///
/// # Errors
/// When the exchange is missing, or a permission; what ends it later is in [`Report::stopped`].
pub async fn run(
    broker: &Broker,
    request: &Request,
    interrupt: &Interrupt,
    gone: impl Future<Output = ()>,
    mut listen: impl FnMut(Event<'_>) -> bool,
) -> Result<Report, broker::Error> {
    let connection = Arc::new(broker.connect("evbus tail").await?);
    set_up(&connection, request).await?;
    let mut deliveries = connection.consume(&request.queue, PREFETCH).await?;
    let mut report = Report { missed: Some(0), ..Report::default() };
    if !listen(Event::Ready) {
        return Ok(report);
    }
    let began = Instant::now();
    let mut last = began;
    let full = Watcher::of(&connection, request);
    let mut receipts = Vec::new();
    tokio::pin!(gone);
    while request.limit.is_none_or(|limit| report.shown < limit) {
        let ends = [request.duration.map(|time| began + time), request.idle.map(|time| last + time)];
        let end = ends.into_iter().flatten().min();
        let next = tokio::select! {
            biased;
            () = interrupt.raised() => { report.interrupted = true; break }
            () = &mut gone => { report.reader_gone = true; break }
            () = sleep_until(end) => break,
            next = deliveries.next() => next,
            // When traffic stops the last messages must not look as if somebody still worked at them.
            () = tokio::time::sleep(GATHER), if !receipts.is_empty() => {
                if let Err(error) = deliveries.acknowledge(receipts.drain(..)).await {
                    report.stopped = Some(error);
                    break;
                }
                continue;
            }
        };
        let Delivery { message, receipt } = match next {
            Ok(delivery) => delivery,
            Err(error) => {
                report.stopped = Some(error);
                break;
            }
        };
        last = Instant::now();
        report.seen += 1;
        receipts.push(receipt);
        let selected = request.selector.matches(&request.queue, &message);
        report.undecided += u64::from(selected.is_none());
        if selected == Some(true) {
            report.shown += 1;
            let before = Instant::now();
            if !listen(Event::Message(&message)) {
                break;
            }
            // While the reader stood still nothing was taken: if the queue ran over, it is full now.
            if before.elapsed() > STALL && is_full(&connection, &request.queue, request.buffer).await {
                report.missed = None;
            }
        }
        if receipts.len() >= usize::from(PREFETCH) / 4
            && let Err(error) = deliveries.acknowledge(receipts.drain(..)).await
        {
            report.stopped = Some(error);
            break;
        }
    }
    if full.seen().await {
        report.missed = None;
    }
    // The queue goes with the connection, and what it holds is a copy for us alone.
    drop(deliveries);
    if let Some(connection) = Arc::into_inner(connection) {
        connection.close().await;
    }
    Ok(report)
}

/// Held messages do not count towards the bound, so a queue that ran over shows as exactly full. When the connection has ended, the
/// deliveries say so.
async fn is_full(connection: &Connection, queue: &str, buffer: u32) -> bool {
    matches!(connection.look_up(queue).await, Ok(Some(passive)) if passive.ready >= buffer)
}

/// Looks whether the queue is full, on a thread of its own: the one that writes may stand still with its reader.
struct Watcher {
    task: tokio::task::JoinHandle<()>,
    full: Arc<AtomicBool>,
}

impl Watcher {
    fn of(connection: &Arc<Connection>, request: &Request) -> Watcher {
        let full = Arc::new(AtomicBool::new(false));
        let (tell, connection) = (Arc::clone(&full), Arc::clone(connection));
        let (queue, buffer) = (request.queue.clone(), request.buffer);
        let task = tokio::spawn(async move {
            while !is_full(&connection, &queue, buffer).await {
                tokio::time::sleep(GLANCE).await;
            }
            tell.store(true, Ordering::Relaxed);
        });
        Watcher { task, full }
    }

    async fn seen(self) -> bool {
        self.task.abort();
        // It has let go of the connection when it has ended, however it ended.
        let _ = self.task.await;
        self.full.load(Ordering::Relaxed)
    }
}

async fn set_up(connection: &Connection, request: &Request) -> Result<(), broker::Error> {
    let queue = QueueSpec {
        name: request.queue.clone(),
        durable: false,
        exclusive: true,
        auto_delete: true,
        arguments: Table::from([
            ("x-queue-type".to_owned(), Field::text("classic")),
            ("x-max-length".to_owned(), Field::I64(request.buffer.into())),
            ("x-overflow".to_owned(), Field::text("drop-head")),
        ]),
    };
    connection.declare_queue(&queue).await?;
    for pattern in &request.patterns {
        let binding = BindingSpec {
            source: request.exchange.clone(),
            destination: request.queue.clone(),
            to_queue: true,
            key: pattern.clone(),
            arguments: Table::new(),
        };
        connection.bind(&binding).await?;
    }
    Ok(())
}

async fn sleep_until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}
