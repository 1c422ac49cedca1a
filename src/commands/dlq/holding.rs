//! The flags of every command that holds messages for a while.

use clap::{Args, ValueEnum};

use crate::{
    commands::Context,
    message::selector::Selector,
    ops::dlq::{self, Assumption, Kind, Subject},
};

/// How messages are kept safe while they are held.
#[derive(Debug, Args)]
pub struct Holding {
    /// How to save a message that its return to the queue would destroy
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    save: Save,

    /// What to believe of the queue where the management API cannot be asked: classic, quorum or quorum,limit=N
    #[arg(long, value_name = "WHAT", value_parser = assumption)]
    assume: Option<Assumption>,

    /// How many messages may be held at once [default: chosen by what could be lost]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    window: Option<u16>,
}

/// How a message is saved.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Save {
    /// By a temporary policy where one can be set, by a copy elsewhere
    #[default]
    Auto,
    /// By a temporary policy that lifts the delivery limit
    Policy,
    /// By a confirmed copy at the queue's end
    Copy,
    /// Not at all: refuse queues where it could be needed
    None,
}

impl Holding {
    /// A run over these messages of that queue.
    pub(super) fn of(&self, queue: &str, selector: Selector, context: &Context) -> Subject {
        Subject {
            queue: queue.to_owned(),
            selector,
            save: self.save(),
            assume: self.assume,
            window: self.window,
            owner: context.settings.owner(),
        }
    }

    fn save(&self) -> dlq::Save {
        match self.save {
            Save::Auto => dlq::Save::Auto,
            Save::Policy => dlq::Save::Policy,
            Save::Copy => dlq::Save::Copy,
            Save::None => dlq::Save::None,
        }
    }
}

fn assumption(text: &str) -> Result<Assumption, String> {
    let expected = || "expected classic, quorum or quorum,limit=N".to_owned();
    match text.split_once(',') {
        None if text == "classic" => Ok(Assumption { kind: Kind::Classic, limit: None }),
        None if text == "quorum" => Ok(Assumption { kind: Kind::Quorum, limit: None }),
        Some(("quorum", rest)) => {
            let limit = rest.strip_prefix("limit=").and_then(|limit| limit.parse().ok()).ok_or_else(expected)?;
            Ok(Assumption { kind: Kind::Quorum, limit: Some(limit) })
        }
        _ => Err(expected()),
    }
}
