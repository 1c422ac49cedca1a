//! One operator at a time, on a queue or on a whole topology: an exclusive queue that lives as long as the connection of the run that holds it.

use crate::{
    broker::{Broker, Connection, Error, management::QueueInfo},
    message::{Field, Table},
    topology::spec::QueueSpec,
};

/// What a lock's name starts with; the name of the locked queue follows.
pub const PREFIX: &str = "evbus.lock.";

/// What is locked by an `apply`: a queue without a name, which no broker has.
pub const TOPOLOGY: &str = "";

/// Who holds a lock, as far as can be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holder {
    /// Its run.
    pub run: Option<String>,
    /// `user@host`.
    pub owner: Option<String>,
    /// RFC 3339.
    pub since_at: Option<String>,
}

/// What came of asking for the lock.
#[derive(Debug)]
pub enum Lock {
    /// It is ours until the connection ends.
    Held,
    /// Somebody else works on this queue.
    Taken(Holder),
    /// The user may not create the queue that locks: nobody is kept out.
    NotAllowed,
}

/// Asks for the lock of a queue.
///
/// # Errors
/// When the connection is lost.
pub async fn acquire(
    broker: &Broker,
    connection: &Connection,
    queue: &str,
    run: &str,
    owner: &str,
) -> Result<Lock, Error> {
    let name = name(queue);
    let arguments = Table::from([
        ("x-queue-type".to_owned(), Field::text("classic")),
        ("x-evbus-run".to_owned(), Field::text(run)),
        ("x-evbus-owner".to_owned(), Field::text(owner)),
        ("x-evbus-since".to_owned(), Field::text(jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string())),
    ]);
    let spec = QueueSpec { name: name.clone(), durable: false, exclusive: true, auto_delete: true, arguments };
    match connection.declare_queue(&spec).await {
        Ok(()) => Ok(Lock::Held),
        Err(Error::Locked { .. }) => Ok(Lock::Taken(holder(broker, &name).await)),
        Err(Error::NoPermission { .. }) => Ok(Lock::NotAllowed),
        Err(error) => Err(error),
    }
}

/// Gives a lock back before its connection ends: when the next one asks, it is gone.
pub async fn release(connection: &Connection, queue: &str) {
    // It goes with the connection in any case.
    let _ = connection.delete_queue(&name(queue)).await;
}

/// Who holds the lock of a queue, if anybody does and the broker tells.
pub async fn holder_of(broker: &Broker, queue: &str) -> Option<Holder> {
    found(broker, &name(queue)).await.as_ref().map(read)
}

/// An id for a run: when it began, and enough chance to be one of its own. Ids sort by when their runs began, to the millisecond.
#[must_use]
pub fn run_id() -> String {
    let (now, chance) = (jiff::Timestamp::now(), uuid::Uuid::now_v7().as_u128() & 0xfff);
    format!("{}-{:03x}{chance:03x}", now.strftime("%Y%m%dT%H%M%SZ"), now.subsec_millisecond())
}

/// The lock's queue. A name that would be too long keeps its end, where names differ.
fn name(queue: &str) -> String {
    const LONGEST: usize = 255;
    let mut from = (PREFIX.len() + queue.len()).saturating_sub(LONGEST);
    while !queue.is_char_boundary(from) {
        from += 1;
    }
    format!("{PREFIX}{}", &queue[from..])
}

async fn holder(broker: &Broker, lock: &str) -> Holder {
    found(broker, lock).await.as_ref().map(read).unwrap_or_default()
}

async fn found(broker: &Broker, lock: &str) -> Option<QueueInfo> {
    broker.management().queue(broker.vhost(), lock).await.ok().flatten()
}

fn read(lock: &QueueInfo) -> Holder {
    let text = |key: &str| lock.arguments.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    Holder { run: text("x-evbus-run"), owner: text("x-evbus-owner"), since_at: text("x-evbus-since") }
}

#[cfg(test)]
mod tests {
    use super::{name, run_id};

    #[test]
    fn the_ids_of_runs_sort_by_when_they_began() {
        let earlier = run_id();
        let began = std::time::Instant::now();
        while began.elapsed() < std::time::Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        let later = run_id();
        assert!(earlier < later && earlier.len() == later.len(), "{earlier} {later}");
    }

    #[test]
    fn the_lock_of_the_longest_name_is_a_name() {
        assert_eq!(name("orders.dlq"), "evbus.lock.orders.dlq");
        assert!(name(&"é".repeat(127)).len() <= 255);
    }
}
