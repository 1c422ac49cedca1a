//! What a review of limits looks like: a row for each thing that bounds a queue, or that a file says is too much for it.

use console::Style;
use serde_json::{Map, Value, json};

use super::queue_json;
use crate::{
    ops::queues::{
        Queue, Report,
        limits::{Limits, Mark, Meaning, Time},
    },
    terminal::{Closed, Terminal},
    topology::bounds::{Bound, Bounds},
    views::{
        bounds::{self, exact, origin, size},
        counted,
        table::{Table, count},
    },
};

/// Shows it.
///
/// # Errors
/// When the reader has gone.
pub fn show(terminal: &mut Terminal, report: &Report, all_vhosts: bool) -> Result<(), Closed> {
    if terminal.is_json() {
        let queues: Vec<_> = report.queues.iter().map(json).collect();
        return terminal.json(&super::document(report, &queues));
    }
    if report.queues.is_empty() {
        super::say_none(terminal, report);
        return Ok(());
    }
    let mut columns = vec!["", "QUEUE", "BOUND", "FROM", "HOLDS>", "FULL IN>", "READY>", "POLICY"];
    if all_vhosts {
        columns.insert(1, "VHOST");
    }
    let mut table = Table::new(&columns);
    let mut styles = Vec::new();
    for (queue, limits) in limited(report) {
        for row in rows(limits) {
            let mark = if row.look { "!" } else { "" };
            let mut cells = vec![
                mark.to_owned(),
                queue.name.clone(),
                row.bound,
                row.from.to_owned(),
                row.holds,
                row.full_in,
                count(queue.ready),
                row.policy,
            ];
            if all_vhosts {
                cells.insert(1, queue.vhost.clone());
            }
            table.row(terminal, cells);
            styles.push(if row.look { Style::new().yellow().bold() } else { Style::new() });
        }
    }
    let room = terminal.is_terminal().then(|| terminal.width());
    let left_out = table.keep_whole(room, &["READY", "POLICY", "FROM", "HOLDS", "FULL IN"]);
    for (at, line) in table.lines(terminal).into_iter().enumerate() {
        let style = at.checked_sub(1).and_then(|row| styles.get(row)).cloned().unwrap_or_default();
        let line = terminal.styled(&style, &line);
        terminal.line(&line)?;
    }
    super::say_left_out(terminal, &left_out);
    let all = report.queues.len();
    let standing_out = limited(report).filter(|(_, limits)| limits.stand_out()).count();
    terminal.say(&format!("{standing_out} of {} to look at (!)", counted(all, "queue")));
    Ok(())
}

fn limited(report: &Report) -> impl Iterator<Item = (&Queue, &Limits)> {
    report.queues.iter().filter_map(|queue| Some((queue, queue.limits.as_ref()?)))
}

/// One thing that bounds a queue, or should.
#[derive(Default)]
struct Row {
    look: bool,
    bound: String,
    from: &'static str,
    policy: String,
    holds: String,
    full_in: String,
}

impl Row {
    fn new<T>(words: String, bound: &Bound<T>) -> Row {
        let (from, policy) = origin(&bound.origin);
        Row { bound: words, from, policy: policy.unwrap_or_default().to_owned(), ..Row::default() }
    }

    fn of_file(words: String, over: Option<bool>, over_in: String) -> Row {
        let full_in = if over == Some(true) { "over".to_owned() } else { over_in };
        Row { bound: words, from: "file", look: over == Some(true), full_in, ..Row::default() }
    }

    fn meaning(self, meaning: Option<Meaning>) -> Row {
        let Some(meaning) = meaning else { return self };
        let full_in = if meaning.full == Some(true) { "now".to_owned() } else { time(meaning.full_in) };
        Row { look: meaning.full == Some(true), holds: time(meaning.holds), full_in, ..self }
    }
}

fn rows(limits: &Limits) -> Vec<Row> {
    let mut rows = match &limits.bounds {
        Some(bounds) => bound_rows(bounds, limits),
        None => vec![Row { bound: "?".to_owned(), ..Row::default() }],
    };
    let mark = |name: &str, mark: Mark| Row::of_file(format!("{name} {}", mark.limit), mark.over, time(mark.over_in));
    rows.extend(limits.depth.map(|depth| mark("review depth", depth)));
    rows.extend(limits.max.map(|max| mark("review max", max)));
    rows.extend(limits.keep.map(|keep| {
        let over_in = if keep.over == Some(false) { "-" } else { "?" };
        Row::of_file(format!("review keep {}", exact(keep.limit.as_millis())), keep.over, over_in.to_owned())
    }));
    rows
}

fn bound_rows(bounds: &Bounds, limits: &Limits) -> Vec<Row> {
    let mut rows = Vec::new();
    if !bounds.is_bounded() {
        rows.push(Row { look: true, bound: "UNBOUNDED".to_owned(), ..Row::default() });
    }
    let mut lasting = |name: &str, bound: &Option<Bound<std::time::Duration>>| {
        rows.extend(bound.as_ref().map(|bound| {
            let exactly = exact(bound.value.as_millis());
            Row {
                holds: time(Time::Seconds(bound.value.as_secs_f64())),
                ..Row::new(format!("{name} {exactly}"), bound)
            }
        }));
    };
    lasting("ttl", &bounds.message_ttl);
    lasting("age", &bounds.max_age);
    let numbered = |name: &str, bound: &Option<Bound<u64>>, words: fn(u64) -> String| {
        bound.as_ref().map(|bound| Row::new(format!("{name} {}", words(bound.value)), bound))
    };
    rows.extend(numbered("length", &bounds.max_length, |n| n.to_string()).map(|row| row.meaning(limits.length)));
    rows.extend(numbered("bytes", &bounds.max_length_bytes, size).map(|row| row.meaning(limits.bytes)));
    let overflow = bounds.overflow.as_ref().filter(|_| bounds.has_length());
    rows.extend(overflow.map(|bound| Row::new(bound.value.word().to_owned(), bound)));
    rows.extend(
        bounds.expires.as_ref().map(|bound| Row::new(format!("expires {}", exact(bound.value.as_millis())), bound)),
    );
    rows.extend(bounds.delivery_limit.as_ref().map(|bound| {
        let words =
            if bound.value < 0 { "no delivery limit".to_owned() } else { format!("deliveries {}", bound.value) };
        Row::new(words, bound)
    }));
    rows
}

fn json(queue: &Queue) -> Value {
    let mut object = queue_json(queue);
    let Some(limits) = &queue.limits else { return object };
    object["bounded"] = json!(limits.bounds.as_ref().map(Bounds::is_bounded));
    object["limits"] = json!(limits.bounds.as_ref().map(|bounds| bounds_json(bounds, limits)));
    object["net_rate"] = json!(limits.net_rate);
    let mut review = Map::new();
    let mark = |mark: Mark| json!({ "value": mark.limit, "over": mark.over, "over_in_s": mark.over_in.seconds() });
    review.extend(limits.depth.map(|depth| ("depth".to_owned(), mark(depth))));
    review.extend(limits.max.map(|max| ("max".to_owned(), mark(max))));
    review.extend(
        limits.keep.map(|keep| ("keep".to_owned(), json!({ "value_s": keep.limit.as_secs_f64(), "over": keep.over }))),
    );
    object["review"] = Value::Object(review);
    object
}

/// What bounds a queue, by name, and what that means in time; what does not bound it is not there.
fn bounds_json(bounds: &Bounds, limits: &Limits) -> Value {
    let mut all = bounds::json(bounds);
    for (name, meaning) in [("max_length", limits.length), ("max_length_bytes", limits.bytes)] {
        if let (Some(Value::Object(bound)), Some(meaning)) = (all.get_mut(name), meaning) {
            bound.insert("full".to_owned(), json!(meaning.full));
            bound.insert("full_in_s".to_owned(), json!(meaning.full_in.seconds()));
            bound.insert("holds_s".to_owned(), json!(meaning.holds.seconds()));
        }
    }
    Value::Object(all)
}

/// An estimate in one number and one unit.
fn time(time: Time) -> String {
    let seconds = match time {
        Time::Seconds(seconds) => seconds,
        Time::Never => return "-".to_owned(),
        Time::Unknown => return "?".to_owned(),
    };
    let years = seconds / (365.0 * 86_400.0);
    for (unit, amount) in
        [("y", years), ("d", seconds / 86_400.0), ("h", seconds / 3600.0), ("m", seconds / 60.0), ("s", seconds)]
    {
        if amount >= 1000.0 {
            return format!(">999{unit}");
        }
        if amount >= 10.0 || (amount - amount.round()).abs() < 0.05 && amount >= 1.0 {
            return format!("{amount:.0}{unit}");
        }
        if amount >= 1.0 {
            return format!("{amount:.1}{unit}");
        }
    }
    "<1s".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_short() {
        let shown = [0.2, 1.0, 59.0, 90.0, 3600.0, 86_400.0 * 3.24, 86_400.0 * 30.0, 86_400.0 * 730.0, 1e14]
            .map(|seconds| time(Time::Seconds(seconds)));
        assert_eq!(shown, ["<1s", "1s", "59s", "1.5m", "1h", "3.2d", "30d", "2y", ">999y"]);
        assert_eq!((time(Time::Never), time(Time::Unknown)), ("-".to_owned(), "?".to_owned()));
    }

    #[test]
    fn what_is_not_known_is_not_called_unbounded() {
        let limits =
            Limits { bounds: None, length: None, bytes: None, net_rate: None, depth: None, max: None, keep: None };
        let shown: Vec<String> = rows(&limits).into_iter().map(|row| row.bound).collect();
        assert_eq!((shown, limits.stand_out()), (vec!["?".to_owned()], false));
        let queue = Queue {
            name: "q".into(),
            vhost: "/".into(),
            kind: None,
            ready: None,
            unacked: None,
            total: None,
            consumers: None,
            in_rate: None,
            out_rate: None,
            dead_letter_queue: None,
            state: None,
            limits: Some(limits),
        };
        let shown = json(&queue);
        assert_eq!(
            (&shown["limits"], &shown["bounded"], &shown["net_rate"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
    }
}
