//! What a plan looks like: a table of changes with their reasons, or one JSON document.

use serde_json::{Value, json};

use crate::{
    broker::Identity,
    terminal::{Closed, Terminal},
    topology::{
        plan::{Action, Change, Plan},
        saved::Basis,
    },
    views::table::Table,
};

/// Shows a plan as the data of the command.
///
/// # Errors
/// When the reader has gone.
pub fn show(terminal: &mut Terminal, plan: &Plan, identity: &Identity, name: Option<&str>) -> Result<(), Closed> {
    if terminal.is_json() {
        return terminal.json(&document(plan, identity, name));
    }
    terminal.say(&header(identity, name));
    for line in lines(terminal, plan, Table::new(&COLUMNS)) {
        terminal.line(&line)?;
    }
    for warning in &plan.warnings {
        terminal.warn(warning);
    }
    terminal.line(&summary(plan))
}

/// Shows a plan before it is carried out: as talk, so that stdout has the outcome alone. Where there is something to do, somebody may
/// be asked whether to do it.
pub fn preview(terminal: &Terminal, plan: &Plan, identity: &Identity, name: Option<&str>) {
    let say = |text: &str| if plan.is_empty() { terminal.say(text) } else { terminal.discuss(text) };
    say(&header(identity, name));
    for line in lines(terminal, plan, Table::of_talk(&COLUMNS)) {
        say(&line);
    }
    for warning in &plan.warnings {
        terminal.warn(warning);
    }
    if !plan.changes.is_empty() {
        say(&summary(plan));
    }
}

fn header(identity: &Identity, name: Option<&str>) -> String {
    let whose = name.map_or_else(String::new, |name| format!(" of {name}"));
    format!("plan{whose} for {identity}")
}

/// The columns of a plan.
const COLUMNS: [&str; 4] = ["ACTION", "KIND", "NAME", "BECAUSE"];

fn lines(terminal: &Terminal, plan: &Plan, mut table: Table) -> Vec<String> {
    if plan.changes.is_empty() {
        return Vec::new();
    }
    for change in &plan.changes {
        let action = match &change.blocked {
            Some(_) => format!("{} (blocked)", change.action.word()),
            None => change.action.word().to_owned(),
        };
        let mut because = change.because.clone();
        let blocked = change.blocked.as_ref().map(|blocked| &blocked.because);
        for more in [change.drift.as_ref(), blocked, change.risk.as_ref()].into_iter().flatten() {
            because.push_str("; ");
            because.push_str(more);
        }
        table.row(terminal, [action, change.object.kind().to_owned(), change.object.name(), because]);
    }
    table.lines(terminal)
}

/// The sum of a plan in a line.
fn summary(plan: &Plan) -> String {
    let doable = plan.doable();
    let rest = match (plan.unchanged, plan.blocked()) {
        (0, 0) => String::new(),
        (unchanged, 0) => format!(", {unchanged} as wanted"),
        (unchanged, blocked) => format!(", {blocked} blocked, {unchanged} as wanted"),
    };
    if plan.blind {
        return format!("{doable} to declare");
    }
    match doable {
        0 if plan.blocked() == 0 => format!("nothing to do{rest}"),
        _ => {
            let seldom = |action, word: &str| match plan.count(action) {
                0 => String::new(),
                count => format!(", {count} to {word}"),
            };
            let (create, update) = (plan.count(Action::Create), plan.count(Action::Update));
            let (replace, delete) = (seldom(Action::Replace, "replace"), seldom(Action::Delete, "delete"));
            format!("{create} to create, {update} to update{replace}{delete}{rest}")
        }
    }
}

/// A plan with what it was made from, as `apply` takes it.
#[must_use]
pub fn saved(plan: &Plan, identity: &Identity, name: Option<&str>, basis: &Basis) -> Value {
    let mut document = document(plan, identity, name);
    document["basis"] = json!(basis);
    document
}

fn document(plan: &Plan, identity: &Identity, name: Option<&str>) -> Value {
    let changes: Vec<Value> = plan.changes.iter().map(change).collect();
    let count = |action| plan.count(action);
    json!({
        "format": "evbus.plan/1",
        "name": name, "host": identity.host, "vhost": identity.vhost, "user": identity.user,
        "changes": changes,
        "warnings": plan.warnings,
        "summary": {
            "create": count(Action::Create), "update": count(Action::Update), "replace": count(Action::Replace),
            "delete": count(Action::Delete), "keep": count(Action::Keep), "blocked": plan.blocked(),
            "unchanged": (!plan.blind).then_some(plan.unchanged),
        },
        "blind": plan.blind,
    })
}

fn change(change: &Change) -> Value {
    json!({
        "action": change.action, "kind": change.object.kind(), "name": change.object.name(),
        "because": change.because, "risk": change.risk,
        "blocked": change.blocked.as_ref().map(|blocked| &blocked.because),
        "differences": change.differences, "drift": change.drift, "owned": change.owned,
    })
}
