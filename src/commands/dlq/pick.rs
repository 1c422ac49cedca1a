//! `--pick`: which messages are meant is marked in the terminal.

use crate::{
    broker::Broker,
    commands::Context,
    exit::Exit,
    failure::Failure,
    message::Identity,
    ops::dlq::{Marks, show},
    terminal::Picked,
    views::dlq::{
        notice,
        pick::{HEAD, line},
    },
};

/// How many messages a list has at most.
const MOST: u64 = 200;

/// Reads the selected messages, gives them back, and has some of them marked; an exit where that ends the command.
pub(super) async fn marked(
    broker: &Broker,
    look: show::Request,
    context: &Context,
) -> Result<Result<Marks, Exit>, Failure> {
    if !context.terminal.is_attended() {
        return Err(Failure::usage("terminal", "--pick shows a list at a terminal, and there is none here")
            .hint("select with --id, --where and the other flags instead"));
    }
    let look = show::Request { limit: MOST, ..look };
    let mut found: Vec<(Identity, String)> = Vec::new();
    let now = jiff::Timestamp::now();
    let terminal = &context.terminal;
    let report = show::run(broker, &look, &context.interrupt, |event| match event {
        show::Event::Message(message) => {
            found.push((Identity::of(message), line(found.len() as u64 + 1, message, now)));
        }
        show::Event::Notice(told) => {
            notice(terminal, &told);
        }
    })
    .await?;
    if found.is_empty() && !report.interrupted {
        let why = if report.depth == 0 { "the queue is empty" } else { "no message is selected" };
        terminal.say(&format!("{why}: there is nothing to mark"));
        return Ok(Err(Exit::Done));
    }
    if report.cut || report.shown == MOST && report.depth > MOST {
        terminal.say(&format!("the first {} of {} messages in the queue are listed", report.shown, report.depth));
    }
    let (identities, lines): (Vec<Identity>, Vec<String>) = found.into_iter().unzip();
    Ok(match terminal.pick(HEAD, &lines) {
        _ if report.interrupted || context.interrupt.is_raised() => Err(Exit::Interrupted),
        Picked::These(places) => Ok(Marks::of(places.into_iter().filter_map(|place| identities.get(place).copied()))),
        Picked::Nothing => Err(Exit::Usage),
        Picked::Interrupted => Err(Exit::Interrupted),
    })
}
