//! Two applies at the same time.

use std::{collections::BTreeSet, fs, ops::Range, process::Output};

use serde_json::{Value, json};

use crate::support::{
    run::{Run, ended},
    shop::Shop,
};

/// How often one has to be kept out that was started together with the other, and as often one that was started later.
const MEETINGS: usize = 2;

/// How many rounds there are for that at most.
const ROUNDS: usize = 12;

/// The services that a file has in a round: none of those it had before, so that there is work.
fn services(round: usize) -> Range<usize> {
    const EACH: usize = 20;
    round * EACH..(round + 1) * EACH
}

/// A file of that name, with a bus of its own.
fn write(shop: &Shop, name: &str, round: usize) {
    let services: String =
        services(round).map(|n| format!("  {name}-{n}: {{ subscribes: [ {{ key: \"a.#\" }} ] }}\n")).collect();
    let text = format!(
        "evbus: 1\nname: {name}\nbus: {{ exchange: {name}-bus }}\ndefaults: {{ queue: {{ type: classic }}, retry: none }}\nservices:\n{services}"
    );
    fs::write(shop.folder.path().join(format!("{name}.yaml")), text).expect("the file is written");
}

/// The queues that there are once the files of these names are applied.
fn wanted(names: BTreeSet<&str>, round: usize) -> BTreeSet<String> {
    let services = names.into_iter().flat_map(|name| services(round).map(move |n| format!("{name}-{n}")));
    services.flat_map(|service| [service.clone(), format!("{service}.dlq")]).collect()
}

fn queues(shop: &Shop) -> BTreeSet<String> {
    shop.list("queues").iter().filter_map(|queue| queue["name"].as_str()).map(str::to_owned).collect()
}

/// Runs both: started together, or the second one when the first is at work.
fn both(shop: &Shop, [first, second]: [Run; 2], together: bool) -> [Output; 2] {
    let before = queues(shop);
    let first = first.start();
    if !together {
        shop.live.until("it is at work", || !queues(shop).is_subset(&before));
    }
    [first, second.start()].map(ended)
}

/// Whether an apply was kept out. It either went through to its end, or did nothing and said who was before it.
fn is_kept_out(output: &Output) -> bool {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let summary: Value = out.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    let told = ["event", "failed", "skipped"].map(|key| summary[key].clone());
    assert_eq!(told, [json!("summary"), json!(0), json!(0)], "{out}{err}");
    if output.status.code() == Some(0) {
        return false;
    }
    assert_eq!((output.status.code(), &summary["applied"]), (Some(1), &json!(0)), "{out}{err}");
    let is_told = ["\"code\":\"busy\"", "run 2", " by tester@", " since 2"].iter().all(|word| err.contains(word));
    // Whoever was before it may have ended by the time it asks who it is.
    assert!(is_told || err.contains("\"busy\"") && err.contains("run unknown by unknown"), "{out}{err}");
    true
}

/// Applies the files of these names at the same time, round after round, and each time runs the one that was kept out again.
fn race(shop: &Shop, names: [&str; 2]) {
    let files = names.map(|name| format!("{name}.yaml"));
    let apply = |file: &String| shop.evbus(&["apply", file, "--prune", "--yes", "-o", "json"]);
    let settled = |file: &String| drop(shop.evbus(&["plan", file, "--prune", "--exit-code"]).done().ends_with(0));
    let mut meetings = [0; 2];
    for round in 0..ROUNDS {
        for name in names {
            write(shop, name, round);
        }
        let done = both(shop, files.each_ref().map(apply), round % 2 == 0);
        let (losers, winners): (Vec<_>, Vec<_>) = files.iter().zip(&done).partition(|(_, output)| is_kept_out(output));
        assert!(!winners.is_empty(), "each was kept out by the other");
        for (file, _) in winners {
            settled(file);
        }
        for (file, _) in &losers {
            apply(file).done().ends_with(0);
        }
        files.iter().for_each(settled);
        assert_eq!(queues(shop), wanted(names.into(), round), "round {round}");
        meetings[round % 2] += losers.len();
        if meetings.iter().all(|met| *met >= MEETINGS) {
            break;
        }
    }
    assert!(meetings.iter().all(|met| *met >= MEETINGS), "they have hardly ever met: {meetings:?}");
    // What each wrote down of what is its own has not suffered: all of that goes.
    for (name, file) in names.iter().zip(&files) {
        let text = format!("evbus: 1\nname: {name}\n");
        fs::write(shop.folder.path().join(file), text).expect("the file is written");
        apply(file).done().ends_with(0);
    }
    let left = ["queues", "exchanges", "bindings"].map(|what| shop.list(what));
    let names = left.iter().flatten().filter_map(|object| object["name"].as_str().or(object["source"].as_str()));
    assert_eq!(names.filter(|name| !name.is_empty() && !name.starts_with("amq.")).count(), 0, "{left:?}");
}

#[test]
fn of_two_applies_of_one_file_one_is_kept_out_and_nothing_is_half_done() {
    let Some(shop) = Shop::open("race-same", "") else { return };
    race(&shop, ["one", "one"]);
}

#[test]
fn of_two_applies_of_different_files_one_is_kept_out_and_running_it_again_makes_all_right() {
    let Some(shop) = Shop::open("race-two", "") else { return };
    race(&shop, ["one", "two"]);
}
