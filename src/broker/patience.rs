//! How long is a broker waited for that says nothing? Each answer for as long as the operator allows; but one who has been silent twice in a
//! row is not waited for again and again: what has to be sent is sent, and nobody waits for its answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use super::Error;

/// So many silences in a row, and no answer is expected any more.
const ENOUGH: u8 = 2;

/// The patience with one connection. Clones share what they have met.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    limit: Duration,
    silences: Arc<AtomicU8>,
}

impl Patience {
    /// Each answer may take so long.
    pub(super) fn new(limit: Duration) -> Patience {
        Patience { limit, silences: Arc::default() }
    }

    /// How long an answer may take.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Waits for an answer of the broker.
    ///
    /// # Errors
    /// [`Error::Timeout`] when it does not come in time.
    pub(super) async fn answer<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        let is_hopeless = self.silences.load(Ordering::Relaxed) >= ENOUGH;
        // What is bounded by nothing at all is begun all the same.
        match tokio::time::timeout(if is_hopeless { Duration::ZERO } else { self.limit }, work).await {
            Ok(answer) => {
                self.silences.store(0, Ordering::Relaxed);
                Ok(answer)
            }
            Err(_) => {
                self.silences.fetch_add(u8::from(!is_hopeless), Ordering::Relaxed);
                Err(Error::Timeout { what: "the broker's answer".to_owned() })
            }
        }
    }

    /// Waits until something is written, which says nothing of whether anybody reads it.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the system does not take it in time.
    pub(super) async fn write<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        let written = tokio::time::timeout(self.limit, work).await;
        written.map_err(|_| Error::Timeout { what: "the broker's reading".to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn wait<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime of one thread starts").block_on(work)
    }

    #[test]
    fn a_silent_broker_is_waited_for_twice_and_an_answer_counts_anew() {
        wait(async {
            let patience = Patience::new(Duration::from_millis(20));
            let begun = std::time::Instant::now();
            for _ in 0..50 {
                assert!(patience.answer(pending::<()>()).await.is_err());
            }
            assert!(begun.elapsed() < Duration::from_secs(1), "it took {:?}", begun.elapsed());
            assert_eq!(patience.answer(ready(1)).await.ok(), Some(1), "what is there is taken");
            let begun = std::time::Instant::now();
            assert!(patience.answer(pending::<()>()).await.is_err());
            assert!(begun.elapsed() >= Duration::from_millis(20));
        });
    }
}
