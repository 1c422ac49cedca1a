//! Going on with a run that was cut off: who still holds its queue, what of it has come back, and what is to become of it.

use std::{path::Path, time::Duration};

use tokio::time::Instant;

use super::{
    Custody, Error,
    intent::Scope,
    journal::{self, Header, Journal, Past},
    run::Event,
    session::{Purpose, Session},
};
use crate::broker::Broker;

/// What becomes of messages of which nobody knows whether they are at their targets (`--in-doubt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InDoubt {
    /// They stay, and stay in doubt.
    #[default]
    Hold,
    /// They stay, as dead letters like any other.
    Skip,
    /// They are published, perhaps for the second time.
    Replay,
}

/// A run that is gone on with.
#[derive(Debug)]
pub struct Resume {
    /// What its journal says.
    pub past: Past,
    /// What becomes of what is in doubt.
    pub in_doubt: InDoubt,
}

/// How long the lock of a process that has ended may outlive it, and what it held may be on its way back.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a queue that gets nothing back is waited for.
const STEADY: Duration = Duration::from_secs(6);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// The runs whose work this is: the one that is gone on with, and those before it.
pub(super) fn runs(header: &Header) -> Vec<String> {
    std::iter::once(&header.run).chain(&header.resumes).cloned().collect()
}

/// Opens the session of a run, and says how many messages it may read: those that are there, or what the run that is gone on with has left.
///
/// # Errors
/// See [`Error`].
pub(super) async fn begin<'a>(
    broker: &'a Broker,
    purpose: Purpose<'_>,
    scope: Scope,
    past: Option<&Past>,
) -> Result<(Session<'a>, u64), Error> {
    let Some(past) = past else {
        let session = Session::open(broker, purpose).await?;
        let set = scope.set(session.facts.ready);
        return Ok((session, set));
    };
    let mut session = open(broker, purpose, past).await?;
    has_come_back(&mut session, past.rest()).await;
    let set = set(&session, past);
    Ok((session, set))
}

/// Begins the journal of a run, and takes over what the one that is gone on with has left open.
///
/// # Errors
/// [`journal::Error::NoPlace`].
pub(super) fn begin_journal(state: &Path, past: Option<&Past>, header: Header) -> Result<Journal, journal::Error> {
    match past {
        None => Journal::create(state, &header),
        Some(past) => past.next(state, &Header { set: past.rest(), resumes: runs(&past.header), ..header }),
    }
}

/// A session with the journal of its run, where one was to be begun; without one that could be, it ends.
///
/// # Errors
/// Why there is no journal.
pub(super) async fn begun<'a>(
    mut session: Session<'a>,
    journal: Option<Result<Journal, journal::Error>>,
    listen: &mut impl FnMut(Event<'_>),
) -> Result<(Session<'a>, Option<Journal>), Error> {
    match journal.transpose() {
        Ok(journal) => Ok((session, journal)),
        Err(error) => {
            session.unprotect(&mut |text| listen(Event::Warning(text))).await?;
            session.close().await;
            Err(error.into())
        }
    }
}

/// How many messages are to be read at most. What had not been moved comes first where returns keep their places; elsewhere it may be
/// anywhere.
fn set(session: &Session<'_>, past: &Past) -> u64 {
    let begun = past.rest() + past.open_ones().filter(|open| open.safe).count() as u64;
    if session.facts.custody.as_ref().is_some_and(Custody::rotates) { begun.max(session.facts.ready) } else { begun }
}

/// Opens the session, when the lock of the run that has ended is gone.
async fn open<'a>(broker: &'a Broker, purpose: Purpose<'_>, past: &Past) -> Result<Session<'a>, Error> {
    when_free(past, async || Session::open(broker, purpose).await).await
}

/// Does what needs the lock of the run's queue, when the lock of the run that has ended is gone.
///
/// Whoever holds the lock of its journal knows that its process has ended; the broker may not have noticed yet.
pub(super) async fn when_free<T>(past: &Past, mut attempt: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, Error> {
    let (runs, deadline) = (runs(&past.header), Instant::now() + LONGEST);
    loop {
        match attempt().await {
            Err(Error::Busy { holder, .. })
                if holder.run.as_ref().is_none_or(|run| runs.contains(run)) && Instant::now() < deadline =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

/// Waits until the queue counts what the run had not moved, or counts no more for a while: others may have taken some.
///
/// Broker fact: what a process held that was killed comes back a moment after its connection has ended, on quorum queues of 3.10 one by
/// one.
async fn has_come_back(session: &mut Session<'_>, expected: u64) {
    let (began, mut steady) = (Instant::now(), Instant::now());
    while let Some(ready) = session.ready().await {
        if ready != session.facts.ready {
            (session.facts.ready, steady) = (ready, Instant::now());
        }
        if ready >= expected || steady.elapsed() > STEADY || began.elapsed() > LONGEST {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
