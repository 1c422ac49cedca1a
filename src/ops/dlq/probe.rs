//! Whether this user may publish to queues, found out before anything is held.

use crate::{
    broker::{Broker, Connection, Error, Fate, Letter, Window},
    message::Properties,
};

/// Whether an exchange takes messages of this user: one to a queue that does not exist comes back from the default exchange, and any from
/// one without bindings, and leaves no trace.
/// On a connection for this question alone: in an alarm the broker reads no further from one that publishes.
///
/// # Errors
/// [`Error::NoPermission`] when it does not, [`Error::Blocked`] when the broker takes none of anybody for now; when it cannot be asked.
pub async fn may_publish(broker: &Broker, exchange: &str, run: &str) -> Result<(), Error> {
    let connection = broker.connect("evbus (may it publish?)").await?;
    let answer = ask(&connection, broker, exchange, run).await;
    connection.close().await;
    answer
}

/// Refuses a run that could not put a single message into a queue.
///
/// # Errors
/// [`Error::NoPermission`] where it could not.
pub async fn may_write(broker: &Broker, run: &str) -> Result<(), Error> {
    match may_publish(broker, "", run).await {
        Err(error @ Error::NoPermission { .. }) => Err(error),
        // An alarm passes, and the run waits for its end; whatever else it may be, each message tells for itself.
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn ask(connection: &Connection, broker: &Broker, exchange: &str, run: &str) -> Result<(), Error> {
    let mut publisher = connection.publisher(Window::default()).await?;
    let nowhere = Letter {
        exchange: exchange.to_owned(),
        routing_key: format!("evbus-nowhere-{run}"),
        properties: Properties::default(),
        body: Vec::new(),
    };
    let mut blocked = connection.blocked();
    publisher.publish(0, nowhere)?;
    let silent = || Error::Timeout { what: "a confirmation".to_owned() };
    let fate = tokio::select! {
        fate = publisher.next() => fate,
        Ok(reason) = blocked.wait_for(Option::is_some) => {
            return Err(Error::Blocked { reason: reason.clone().unwrap_or_default() });
        }
        () = tokio::time::sleep(broker.timeout()) => return Err(silent()),
    };
    match fate {
        Some((_, Fate::Routed | Fate::Unroutable { .. })) => Ok(()),
        Some((_, Fate::Unknown { .. } | Fate::Refused)) | None => Err(publisher.take_end().unwrap_or_else(silent)),
    }
}
