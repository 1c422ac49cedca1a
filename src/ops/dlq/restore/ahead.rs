//! Reading an archive on a thread of its own, a bounded way ahead of publishing.

use tokio::sync::mpsc;

use crate::{
    message::Message,
    ops::dlq::archive::{Damage, Reader},
};

/// How far reading runs ahead: so many batches of so many records, or of so many bytes of bodies.
const AHEAD: usize = 2;
const BATCH: usize = 250;
const BATCH_BYTES: usize = 2 << 20;

/// The records of an archive, batch by batch.
pub(super) fn ahead(mut reader: Reader) -> mpsc::Receiver<Result<Vec<Message>, Damage>> {
    let (give, take) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut end = None;
        while end.is_none() {
            let (mut batch, mut bytes) = (Vec::with_capacity(BATCH), 0);
            while end.is_none() && batch.len() < BATCH && bytes < BATCH_BYTES {
                match reader.next_message() {
                    Ok(Some(message)) => {
                        bytes += message.body.len();
                        batch.push(message);
                    }
                    Ok(None) => end = Some(Ok(())),
                    Err(damage) => end = Some(Err(damage)),
                }
            }
            if give.blocking_send(Ok(batch)).is_err() {
                return;
            }
        }
        if let Some(Err(damage)) = end {
            // Nobody is there to hear it where the run has ended.
            let _ = give.blocking_send(Err(damage));
        }
    });
    take
}
