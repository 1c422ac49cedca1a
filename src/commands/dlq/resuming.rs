//! The flags that go on with a run that was cut off.

use clap::{Args, ValueEnum};

use crate::{
    broker::Broker,
    commands::Context,
    failure::Failure,
    ops::dlq::{
        journal::Past,
        replay::{self, Resume},
    },
};

/// A run that is to be gone on with.
#[derive(Debug, Args)]
#[command(next_help_heading = "Going on")]
pub struct Resuming {
    /// Go on with this run, which was cut off or has left something: with its queue, its target and its messages
    ///
    /// What it had replayed is not replayed again, and what it had not begun with is. evbus dlq runs lists the runs of this machine.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["to", "limit", "pick", "edit", "explain", "Selection", "Travel"])]
    resume: Option<String>,

    /// What becomes of messages that may be at their target already, which nobody can tell [default: hold]
    #[arg(long, value_enum, value_name = "WHAT", requires = "resume")]
    in_doubt: Option<InDoubt>,
}

/// What becomes of messages in doubt.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum InDoubt {
    /// They are published, perhaps for the second time
    Replay,
    /// They stay, as dead letters like any other
    Skip,
    /// They stay in doubt: --resume can be asked again
    Hold,
}

impl Resuming {
    /// What the journal says of the run, if one is to be gone on with. Nobody else goes on with it as long as this is held.
    ///
    /// # Errors
    /// When there is no such run, or it cannot be gone on with; a queue that is another one than its own.
    pub(super) fn past(&self, queue: Option<&str>, context: &Context) -> Result<Option<Resume>, Failure> {
        let Some(run) = &self.resume else { return Ok(None) };
        let past = Past::open(&context.settings.state_folder()?, run)?;
        if let Some(queue) = queue.filter(|queue| *queue != past.header.queue) {
            let message = format!("run {run} was over {}, and not over {queue}", past.header.queue);
            return Err(Failure::usage("usage", message).hint("leave the queue out: the run knows it"));
        }
        let in_doubt = match self.in_doubt {
            Some(InDoubt::Replay) => replay::InDoubt::Replay,
            Some(InDoubt::Skip) => replay::InDoubt::Skip,
            Some(InDoubt::Hold) | None => replay::InDoubt::Hold,
        };
        Ok(Some(Resume { past, in_doubt }))
    }
}

/// The broker of a run, as far as it is the one that is meant now.
///
/// # Errors
/// Settings that cannot be used, or that name another virtual host.
pub(super) fn broker(past: &Past, context: &Context) -> Result<Broker, Failure> {
    let header = &past.header;
    let broker = context.broker(Some(&header.vhost))?;
    if broker.vhost() != header.vhost {
        let message =
            format!("run {} was in the virtual host {}, and not in {}", header.run, header.vhost, broker.vhost());
        return Err(Failure::usage("usage", message).hint("leave --vhost out: the run knows it"));
    }
    let host = broker.identity().host;
    if host != header.host {
        context.terminal.warn(&format!(
            "run {} was on {}: is {host} the same broker? Its messages are not known anywhere else",
            header.run, header.host
        ));
    }
    Ok(broker)
}
