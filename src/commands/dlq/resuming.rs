//! Going on with a run that was cut off: which one, of which command, on which broker.

use clap::ValueEnum;

use super::ended;
use crate::{
    broker::Broker,
    commands::{Context, Outcome},
    failure::Failure,
    ops::dlq::{
        self,
        journal::{Header, Past},
        run::Report,
    },
    views::dlq::run::{Verb, View},
};

/// What becomes of messages in doubt.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum InDoubt {
    /// They are published, perhaps for the second time
    Replay,
    /// They stay where they are, and are in doubt no longer
    Skip,
    /// They stay in doubt: --resume can be asked again
    Hold,
}

impl From<InDoubt> for dlq::InDoubt {
    fn from(typed: InDoubt) -> dlq::InDoubt {
        match typed {
            InDoubt::Replay => dlq::InDoubt::Replay,
            InDoubt::Skip => dlq::InDoubt::Skip,
            InDoubt::Hold => dlq::InDoubt::Hold,
        }
    }
}

/// What the journal says of a run that is to be gone on with by that command. Nobody else goes on with it as long as this is held.
///
/// # Errors
/// When there is no such run, it cannot be gone on with, or is of another command; a queue that is another one than its own.
pub(super) fn past(run: &str, command: &str, queue: Option<&str>, context: &Context) -> Result<Past, Failure> {
    let past = Past::open(&context.settings.state_folder()?, run)?;
    let of = &past.header.command;
    if of != command {
        let message = format!("run {run} was one of evbus {of}, and not of evbus {command}");
        return Err(Failure::usage("usage", message).hint(format!("evbus {of} --resume {run} goes on with it")));
    }
    if let Some(queue) = queue.filter(|queue| *queue != past.header.queue) {
        let message = format!("run {run} was over {}, and not over {queue}", past.header.queue);
        return Err(Failure::usage("usage", message).hint("leave the queue out: the run knows it"));
    }
    Ok(past)
}

/// The end where there is nothing to go on with.
pub(super) fn nothing_left(header: &Header, verb: Verb, broker: &Broker, context: &mut Context) -> Outcome {
    context.terminal.say(&format!("run {} has done everything: nothing is left to go on with", header.run));
    let view = View::new(&mut context.terminal, verb, &header.queue, broker.identity());
    ended(view.finish(Ok(Some(Report { resumes: Some(header.run.clone()), ..Report::default() })))?)
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
