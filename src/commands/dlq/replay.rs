//! `evbus dlq replay`

use std::{borrow::Cow, mem};

use serde::Deserialize;

use super::{
    care::Care,
    edit, ended,
    explain::{self, Explain},
    holding::Holding,
    look, pick,
    receipt::{self, Receipt},
    resuming::{self, InDoubt},
    travel::Travel,
    typed::{BY_HAND, selector_of, to, to_of, typed, typed_to, unknown, wanted_again},
};
use crate::{
    broker::Broker,
    commands::{Context, Outcome, selection::Selection},
    failure::Failure,
    interrupt::Interrupt,
    message::travel::Rules,
    ops::dlq::{
        Resume, Subject, To,
        journal::Wanted,
        replay::{self, Replay, Request},
        run::{Event, Report},
    },
    views::dlq::run::{Verb, View},
};

/// Put dead letters back
///
/// Each message is published, confirmed by the broker and known not to have been returned before its original is removed. What
/// cannot be delivered stays in the queue and is reported.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The dead letter queue
    #[arg(required_unless_present = "resume")]
    queue: Option<String>,

    /// Where to: source, exchange, queue:NAME or exchange:NAME[/KEY]
    ///
    /// `source` is the queue each message died in, addressed directly, so that no other subscriber gets it again. `exchange`
    /// publishes to the original exchange with the original keys: every subscriber gets it again.
    #[arg(long, default_value = "source", value_name = "TARGET", value_parser = to)]
    to: To,

    /// Replay at most so many of the selected messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Only show what would go where
    #[arg(long)]
    dry_run: bool,

    /// Mark the messages to be replayed in a list at the terminal, of at most 200
    #[arg(long, conflicts_with_all = ["limit", "edit"])]
    pick: bool,

    /// Edit the only selected message in $VISUAL or $EDITOR, and replay what it is then
    ///
    /// The original is kept in evbus-edit-RUN.ndjson in the working directory before the edited one is sent. What cannot be read, or is
    /// against its schema in the topology file, is not sent. Nothing is held while the editor is open.
    #[arg(long, conflicts_with_all = ["limit", "dry_run"])]
    edit: bool,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    holding: Holding,

    #[command(flatten)]
    explain: Explain,

    #[command(flatten)]
    receipt: Receipt,

    #[command(flatten)]
    care: Care,

    #[command(flatten)]
    travel: Travel,

    /// Go on with this run, which was cut off or has left something: with its queue, its target and its messages
    ///
    /// What it had replayed is not replayed again, and what it had not begun with is. Its targets are taken care of as it did, unless some
    /// of that is typed again. evbus dlq runs lists the runs of this machine.
    #[arg(long, value_name = "RUN", help_heading = "Going on",
        conflicts_with_all = ["to", "limit", "pick", "edit", "explain", "Selection", "Travel"])]
    resume: Option<String>,

    /// What becomes of messages that may be at their target already, which nobody can tell [default: hold]
    #[arg(long, value_enum, value_name = "WHAT", requires = "resume", help_heading = "Going on")]
    in_doubt: Option<InDoubt>,
}

/// What a journal calls it.
const COMMAND: &str = "dlq replay";

/// Runs it.
pub async fn run(args: &Args, context: &mut Context) -> Outcome {
    let rules = args.travel.rules()?;
    if !args.dry_run && !args.explain.is_asked() {
        context.require_consent("replay moves messages")?;
    }
    let resume = args.resume(context)?;
    let queue =
        resume.as_ref().map_or(args.queue.clone(), |resume| Some(resume.past.header.queue.clone())).unwrap_or_default();
    let to = resume.as_ref().map_or(Ok(args.to.clone()), |resume| to_of(&resume.past.header))?;
    let care = args.care(resume.as_ref())?;
    care.check(&queue, &to)?;
    let broker = match &resume {
        Some(Resume { past, .. }) => resuming::broker(past, context)?,
        None => context.broker_of_bus()?,
    };
    let minded = care.resolve(&queue, context)?;
    let request = match resume {
        Some(Resume { past, .. }) if past.is_done() => {
            return resuming::nothing_left(&past.header, Verb::Replay, &broker, context);
        }
        Some(resume) => args.resumed(resume, to, &care, context)?,
        None => args.typed(rules, context)?,
    };
    let request = Request { care: minded, ..request };
    if args.explain.is_asked() {
        return explain::run(&broker, request.intent(), context).await;
    }
    let mut request = request;
    let sheet = args.receipt.begin()?;
    let mut edit = None;
    let chosen = if args.pick {
        let look = look(&queue, mem::take(&mut request.subject.selector), &args.holding, context);
        pick::marked(&broker, look, context).await?.map(|marks| request.marked = Some(marks))
    } else if args.edit {
        let look = look(&queue, mem::take(&mut request.subject.selector), &args.holding, context);
        edit::edited(&broker, look, context).await?.map(|edited| {
            request.marked = Some(edited.marks.clone());
            request.edited = Some(edited.message.clone());
            edit = Some(edited);
        })
    } else {
        Ok(())
    };
    let view = View::new(&mut context.terminal, Verb::Replay, &queue, broker.identity());
    if let Err(exit) = chosen {
        return Ok(view.not_begun(exit));
    }
    let report = Box::pin(replay(&broker, request, view, &context.interrupt)).await;
    let report = report.and_then(|report| receipt::keep(sheet, report.as_ref()).map(|()| report));
    if let Ok(Some(report)) = &report {
        args.selection.tell_of_empty_groups(&context.terminal, &queue, report.selected);
    }
    let outcome = report.and_then(ended);
    match edit {
        Some(edit) => edit.ended(outcome, context),
        None => outcome,
    }
}

async fn replay(
    broker: &Broker,
    request: Request,
    view: View<'_>,
    interrupt: &Interrupt,
) -> Result<Option<Report>, Failure> {
    let replay = match Replay::prepare(broker, request, &mut |event| view.event(event)).await {
        Ok(replay) => replay,
        Err(error) => return Err(view.failed(error)),
    };
    view.begin(replay.run_id(), replay.set());
    let mut listen = |event: Event<'_>| view.event(event);
    let running = replay.run(interrupt, |preflight| view.consent_to_replay(preflight), &mut listen);
    let outcome = Box::pin(running).await;
    view.finish(outcome)
}

impl Args {
    /// The run that is to be gone on with, if one is.
    fn resume(&self, context: &Context) -> Result<Option<Resume>, Failure> {
        let Some(run) = &self.resume else { return Ok(None) };
        let past = resuming::past(run, COMMAND, self.queue.as_deref(), context)?;
        Ok(Some(Resume { past, in_doubt: self.in_doubt.map(Into::into).unwrap_or_default() }))
    }

    /// How the targets are taken care of: as it was typed, or else as the run did that is gone on with.
    fn care(&self, resume: Option<&Resume>) -> Result<Cow<'_, Care>, Failure> {
        match resume {
            Some(Resume { past, .. }) if self.care.is_none() && !past.header.care.is_null() => {
                let of_run = Care::deserialize(&past.header.care);
                of_run.map(Cow::Owned).map_err(|_| unknown(&past.header, "how the targets are taken care of"))
            }
            _ => Ok(Cow::Borrowed(&self.care)),
        }
    }

    /// What was typed.
    fn typed(&self, rules: Rules, context: &Context) -> Result<Request, Failure> {
        let keeps_none = self.dry_run || self.explain.is_asked();
        let wanted = || -> Result<Wanted, Failure> {
            let (mut selectors, travel) = (typed(&self.selection), typed(&self.travel));
            if self.pick || self.edit {
                selectors[BY_HAND] = true.into();
            }
            Ok(Wanted {
                state: context.settings.state_folder()?,
                to: typed_to(&self.to),
                selectors,
                travel,
                care: self.care.typed(),
                as_of: None,
            })
        };
        let queue = self.queue.as_deref().unwrap_or_default();
        let request = Request {
            to: self.to.clone(),
            limit: self.limit,
            rules,
            journal: if keeps_none { None } else { Some(wanted()?) },
            resume: None,
            ..self.request(self.holding.of(queue, self.selection.selector(context)?, context), context)
        };
        Ok(request)
    }

    /// What the journal of a run says of what was typed.
    fn resumed(&self, resume: Resume, to: To, care: &Care, context: &Context) -> Result<Request, Failure> {
        let header = &resume.past.header;
        let travel = Travel::deserialize(&header.travel).map_err(|_| unknown(header, "what travels"))?;
        let request = Request {
            to,
            limit: header.limit.map(|limit| limit.saturating_sub(resume.past.safe)),
            rules: travel.rules()?,
            journal: Some(Wanted { care: care.typed(), ..wanted_again(header, context)? }),
            resume: None,
            ..self.request(self.holding.of(&header.queue, selector_of(header, context)?, context), context)
        };
        Ok(Request { resume: Some(resume), ..request })
    }

    /// What is the same either way.
    fn request(&self, subject: Subject, context: &Context) -> Request {
        Request {
            subject,
            to: To::Source,
            limit: None,
            rules: Rules::default(),
            marked: None,
            edited: None,
            care: replay::care::Care::default(),
            follows: false,
            dry_run: self.dry_run,
            timeout: context.settings.timeout(),
            journal: None,
            resume: None,
        }
    }
}
