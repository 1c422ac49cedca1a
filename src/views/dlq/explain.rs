//! What `--explain` shows: what is known of the queue, which way a run would take on it, and what that could cost.

use serde_json::{Value, json};

use crate::{
    failure::causes,
    ops::dlq::{Closed, Custody, Cut, Error, Facts, Kind, Way, explain::Explanation},
    terminal::{Closed as Gone, Terminal},
    topology::bounds::{Bound, Bounds, Origin},
    views::{
        bounds::{self, exact, size},
        counted,
    },
};

/// Lines are no longer than this, wherever they are read.
const WIDTH: usize = 80;
/// Where the text of a line begins.
const INDENT: usize = 11;

/// Shows it.
///
/// # Errors
/// When the reader has gone.
pub fn show(terminal: &mut Terminal, vhost: &str, explained: &Explanation) -> Result<(), Gone> {
    if terminal.is_json() {
        return terminal.json(&document(vhost, explained));
    }
    for (name, text) in rows(vhost, explained) {
        let text = terminal.foreign(&text).replace('\n', " ");
        for line in folded(name, &text) {
            terminal.line(&line)?;
        }
    }
    Ok(())
}

/// A name and a text beside it, in as many lines as it takes.
fn folded(name: &str, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = format!("{name:INDENT$}");
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && console::measure_text_width(&line) + 1 + console::measure_text_width(word) > WIDTH {
            lines.push(std::mem::replace(&mut line, " ".repeat(INDENT)));
            is_empty = true;
        }
        if !std::mem::replace(&mut is_empty, false) {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

fn rows(vhost: &str, explained: &Explanation) -> Vec<(&'static str, String)> {
    let Explanation { queue, facts, version, set, .. } = explained;
    let mut rows = vec![("queue", format!("{queue} in vhost {vhost}"))];
    rows.push(("type", format!("{}, on RabbitMQ {version}", kind(facts))));
    let held = facts.unacked.map_or_else(String::new, |held| format!(", {held} held by others"));
    rows.push(("messages", format!("{} ready{held}", facts.ready)));
    if let Some(custody) = &facts.custody {
        rows.push(("limit", limit(custody)));
        rows.push(("ttl", ttl(&custody.bounds)));
        rows.push(("length", length(&custody.bounds)));
        if let Some(delay) = custody.delay {
            let delay = exact(delay.into());
            rows.push(("returns", format!("delayed: what goes back is out of sight for {delay} or more")));
        }
    }
    rows.push(("consumers", consumers(facts)));
    if let Some(custody) = &facts.custody {
        rows.push(("order", order(custody).to_owned()));
    }
    if let Some(way) = explained.way {
        rows.push(("reads", reads(*set)));
        rows.push(("holds", holds(explained, way)));
        rows.push(("saves", saves(explained, way).to_owned()));
        rows.push(("if killed", cut(way).to_owned()));
    }
    for closed in &explained.closed {
        rows.push(("", format!("{}: {}", not_by(closed.way), closed.because)));
    }
    let command = explained.command;
    match &explained.refused {
        None => rows.push(("so", format!("{command} would go ahead"))),
        Some(error) => {
            rows.push(("so", format!("{command} would be refused: {error}")));
            // What closes the ways stands above already.
            if !matches!(error, Error::WouldSpend { .. }) {
                rows.extend(causes(error).into_iter().map(|cause| ("", format!("because {cause}"))));
            }
        }
    }
    rows
}

fn kind(facts: &Facts) -> String {
    let Some(custody) = &facts.custody else { return "unknown".to_owned() };
    let word = word(custody.kind);
    match facts.storage.filter(|_| custody.kind == Kind::Classic) {
        Some(version) => format!("{word}, version {version}"),
        None if facts.is_told => word.to_owned(),
        None => format!("{word} (assumed: the broker did not say)"),
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Classic => "classic",
        Kind::Quorum => "quorum",
        Kind::Stream => "stream",
    }
}

/// Who says so, as people say it.
fn by(origin: &Origin) -> String {
    match origin {
        Origin::Argument => "by an argument".to_owned(),
        Origin::Policy(Some(name)) => format!("by the policy {name}"),
        Origin::Policy(None) => "by a policy".to_owned(),
        Origin::OperatorPolicy(name) => format!("by the operator policy {name}"),
        Origin::Broker => "as this series does where nothing is said".to_owned(),
    }
}

fn limit(custody: &Custody) -> String {
    if custody.kind != Kind::Quorum {
        return "none: only quorum queues drop what failed too often".to_owned();
    }
    match (&custody.bounds.delivery_limit, custody.limit) {
        (Some(bound), Some(limit)) if limit < 0 => {
            format!("{limit} ({}): before 4.0 the first return destroys", by(&bound.origin))
        }
        (Some(bound), Some(limit)) => format!("{limit} failed deliveries, {}", by(&bound.origin)),
        (Some(bound), None) => format!("none, {}", by(&bound.origin)),
        (None, _) => "none, as this series does where nothing is said".to_owned(),
    }
}

fn ttl(bounds: &Bounds) -> String {
    match &bounds.message_ttl {
        Some(bound) => {
            format!("{}, {}; it runs on while a message is held", exact(bound.value.as_millis()), by(&bound.origin))
        }
        None => "none".to_owned(),
    }
}

fn length(bounds: &Bounds) -> String {
    fn part<T>(bound: Option<&Bound<T>>, words: impl Fn(&T) -> String) -> Option<String> {
        bound.map(|bound| format!("{}, {}", words(&bound.value), by(&bound.origin)))
    }
    let parts = [
        part(bounds.max_length.as_ref(), |number| counted(*number, "message")),
        part(bounds.max_length_bytes.as_ref(), |bytes| size(*bytes)),
        part(bounds.overflow.as_ref().filter(|_| bounds.has_length()), |overflow| format!("then {}", overflow.word())),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "not limited".to_owned() } else { parts.join("; ") }
}

fn consumers(facts: &Facts) -> String {
    let single = facts.custody.as_ref().is_some_and(|custody| custody.single_active);
    let mut text = facts.consumers.to_string();
    if single {
        text.push_str(", and only one at a time is served (single active consumer)");
    }
    if facts.exclusive {
        text.push_str(", which has the queue to itself (exclusive)");
    }
    text
}

fn order(custody: &Custody) -> &'static str {
    if custody.rotates() { "rotated: what goes back goes behind the rest" } else { "kept" }
}

fn reads(set: u64) -> String {
    match set {
        0 => "nothing, for the queue is empty; with messages in it:".to_owned(),
        u64::MAX => "all that is there and all that comes".to_owned(),
        set => format!("{} at most", counted(set, "message")),
    }
}

fn holds(explained: &Explanation, way: Way) -> String {
    let most = explained.decision.at_once(way).min(explained.set.max(1));
    let at_once = match way {
        Way::WhenFound => format!("{most} at once at most, what stays included"),
        Way::Free | Way::Policy if explained.gives_back => {
            format!("{most} undecided at once at most; what stays is held beside them to the end")
        }
        Way::Free | Way::Policy => format!("{most} at once at most"),
    };
    let by = if way == Way::WhenFound { " (--window)" } else { "" };
    format!("{at_once}{by}")
}

fn saves(explained: &Explanation, way: Way) -> &'static str {
    match way {
        Way::Free => "nothing: giving back destroys no message here",
        Way::Policy => "all of them: a temporary policy lifts the limit while it runs",
        Way::WhenFound if explained.decision.lifts_when_found => {
            "each that its return would destroy, when it is found: by a temporary policy, or a confirmed copy at the queue's end"
        }
        Way::WhenFound => {
            "each that its return would destroy, when it is found: a confirmed copy at the queue's end takes its place"
        }
    }
}

fn cut(way: Way) -> &'static str {
    match way.cut() {
        Cut::Nothing => "(or cut off) nothing is lost: the broker gives back what is held",
        Cut::Attempt => {
            "(or cut off) each message that is held uses an attempt; none is lost while the temporary policy is there, which stays behind (evbus doctor shows it)"
        }
        Cut::AttemptOrMessage => {
            "(or cut off) each message that is held uses an attempt, and one that has none left is gone"
        }
    }
}

fn not_by(way: Way) -> &'static str {
    match way {
        Way::Free => "not as it is",
        Way::Policy => "not by a temporary policy",
        Way::WhenFound => "not by copies",
    }
}

fn way_word(way: Way) -> &'static str {
    match way {
        Way::Free => "free",
        Way::Policy => "policy",
        Way::WhenFound => "when_found",
    }
}

fn document(vhost: &str, explained: &Explanation) -> Value {
    let Explanation { facts, way, .. } = explained;
    let custody = facts.custody.as_ref();
    let closed = |closed: &Closed| json!({ "way": way_word(closed.way), "because": closed.because });
    let refused = explained.refused.as_ref().map(|error| {
        let mut because = causes(error);
        if let Error::WouldSpend { because: closed, .. } = error {
            because.extend(closed.iter().cloned());
        }
        json!({ "message": error.to_string(), "causes": because })
    });
    let cut = way.map(|way| match way.cut() {
        Cut::Nothing => "nothing",
        Cut::Attempt => "attempt",
        Cut::AttemptOrMessage => "attempt_or_message",
    });
    json!({
        "format": "evbus.explain/1",
        "command": explained.command,
        "queue": explained.queue,
        "vhost": vhost,
        "broker_version": explained.version.to_string(),
        "type": custody.map(|custody| word(custody.kind)),
        "type_version": facts.storage,
        "told_by_broker": facts.is_told,
        "ready": facts.ready,
        "unacked": facts.unacked,
        "consumers": facts.consumers,
        "single_active_consumer": custody.map(|custody| custody.single_active),
        "exclusive_consumer": custody.map(|_| facts.exclusive),
        "limits": custody.map(|custody| bounds::json(&custody.bounds)),
        "delivery_limit": custody.and_then(|custody| custody.limit),
        "returns_delayed_s": custody.and_then(|custody| custody.delay).map(|millis| std::time::Duration::from_millis(millis).as_secs_f64()),
        "order": custody.map(|custody| if custody.rotates() { "rotated" } else { "kept" }),
        "reads": explained.set,
        "holds": way.map(|way| explained.decision.at_once(way)),
        "way": way.map(way_word),
        "closed": explained.closed.iter().map(closed).collect::<Vec<_>>(),
        "cut": cut,
        "warnings": way.map(|way| facts.warnings(way)),
        "refused": refused,
    })
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn lines_are_short_and_aligned() {
        let words = "a word and another ".repeat(10);
        let lines = folded("if killed", words.trim_end());
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= 80), "{lines:?}");
        assert!(lines[0].starts_with("if killed  a word") && lines[1].starts_with("           "), "{lines:?}");
        assert_eq!(folded("ttl", "none"), ["ttl        none"]);
        let long = "x".repeat(100);
        assert_eq!(folded("queue", &format!("{long} in")).len(), 2, "a name is never broken");
    }
}
