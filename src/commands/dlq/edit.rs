//! `--edit`: one message goes out as somebody has edited it.

use std::io::Write;

use tempfile::TempPath;

use crate::{
    broker::Broker,
    commands::{Context, Outcome},
    exit::Exit,
    failure::Failure,
    message::{Identity, Message, record::edited},
    ops::{
        dlq::{Marks, show},
        publish::known::{Checked, Known},
    },
    terminal::Consent,
    views::dlq::notice,
};

/// A message that was edited.
pub(super) struct Edit {
    /// The one that it was.
    pub(super) marks: Marks,
    /// What it is now.
    pub(super) message: Message,
    /// What was edited, which goes when the message has gone.
    file: TempPath,
}

impl Edit {
    /// How the run ends the process. Where the message did not go, what was edited is kept.
    pub(super) fn ended(self, outcome: Outcome, context: &Context) -> Outcome {
        if matches!(outcome, Ok(Exit::Done)) {
            return outcome;
        }
        let place = kept(self.file);
        context.terminal.signal(&format!("what you have edited is kept in {place}"));
        match outcome {
            Ok(Exit::Failed) => Err(Failure::new("not_replayed", "the message was not replayed: see above")
                .hint("a message that is not there any more may have been replayed or read by somebody else")),
            other => other,
        }
    }
}

/// Keeps a file that would go otherwise, and says where it is.
fn kept(file: TempPath) -> String {
    let place = file.display().to_string();
    match file.keep() {
        Ok(_) => place,
        Err(error) => format!("{place}, which cannot be kept: {error}"),
    }
}

/// Reads the one selected message, gives it back, and has it edited; an exit where that ends the command. Nothing is held meanwhile.
pub(super) async fn edited(
    broker: &Broker,
    look: show::Request,
    context: &Context,
) -> Result<Result<Edit, Exit>, Failure> {
    if !context.terminal.is_attended() {
        return Err(Failure::usage("terminal", "--edit opens an editor at a terminal, and there is none here")
            .hint("-o json of evbus dlq show writes a record, and evbus publish --from sends an edited one"));
    }
    let mut known = context.topology_at_hand()?.map(|file| Known::of(&file.topology.events)).unwrap_or_default();
    let queue = look.subject.queue.clone();
    let Some(message) = the_only_one(broker, look, context).await? else { return Ok(Err(Exit::Interrupted)) };
    let unusable = |error: std::io::Error| {
        Failure::new("editor", "the message cannot be given to an editor; it is where it was").because(error)
    };
    let file = written(&queue, &message).map_err(unusable)?;
    loop {
        let aside = context.interrupt.aside();
        let ended = context.terminal.edit(context.settings.editor(), &file, context.interrupt.raised()).await;
        drop(aside);
        match ended.map_err(unusable)? {
            Some(status) if status.success() => (),
            Some(status) => {
                let editor = context.settings.editor();
                return Err(Failure::new("editor", "nothing was replayed: the editor did not end in order")
                    .because(format!("{editor}: {status}"))
                    .hint("VISUAL or EDITOR names another one"));
            }
            None => {
                context.terminal.signal(&format!("interrupted: what you have edited is kept in {}", kept(file)));
                return Ok(Err(Exit::Interrupted));
            }
        }
        let text = std::fs::read(&file).map_err(unusable)?;
        let wrong = match edited::edited(&queue, &message, &text) {
            Ok(None) => {
                context.terminal.say("nothing was edited: the message is where it was");
                return Ok(Err(Exit::Done));
            }
            Ok(Some(now)) => match known.check(&now) {
                Ok(Checked::Right | Checked::Unknown) => {
                    return Ok(Ok(Edit { marks: Marks::of([Identity::of(&message)]), message: now, file }));
                }
                Err(wrong) => wrong.texts(),
            },
            Err(mistake) => vec![mistake.to_string()],
        };
        for line in wrong {
            context.terminal.warn(&line);
        }
        match context.terminal.ask("edit it again?") {
            Consent::Given => (),
            answer => {
                let place = kept(file);
                context.terminal.signal(&format!("what you have edited is kept in {place}"));
                return Ok(Err(if answer == Consent::Interrupted { Exit::Interrupted } else { Exit::Usage }));
            }
        }
    }
}

/// The only message that is selected; none where the operator stopped the look.
async fn the_only_one(broker: &Broker, look: show::Request, context: &Context) -> Result<Option<Message>, Failure> {
    let mut first = None;
    let report = show::run(broker, &look, &context.interrupt, |event| match event {
        show::Event::Message(message) => {
            first.get_or_insert_with(|| message.clone());
        }
        show::Event::Notice(told) => {
            notice(&context.terminal, &told);
        }
    })
    .await?;
    if report.interrupted {
        return Ok(None);
    }
    match (report.shown, first) {
        (1, Some(message)) if !report.cut => Ok(Some(message)),
        (0 | 1, _) if report.cut => Err(Failure::new(
            "not_one",
            format!("only {} of {} messages could be looked at: there may be more", report.read, report.depth),
        )
        .hint("--window N holds more at once")),
        (0, _) => Err(Failure::new("not_one", "no message is selected: --edit needs one")
            .hint("evbus dlq show shows what is there")),
        (count, _) => Err(Failure::usage("not_one", format!("{count} messages are selected, and --edit takes one"))
            .hint("name it with --id, or narrow --where down")),
    }
}

/// A new file that only its owner may read, with the message in it.
fn written(queue: &str, message: &Message) -> std::io::Result<TempPath> {
    let mut file = tempfile::Builder::new().prefix("evbus-edit-").suffix(".json").tempfile()?;
    file.write_all(edited::text(queue, message)?.as_bytes())?;
    file.flush()?;
    Ok(file.into_temp_path())
}
