//! What the README shows is what the program says. `BLESS=1` renews the blocks.
//!
//! A block stands between `<!-- help: dlq replay -->`, `<!-- exit codes -->`, `<!-- commands -->`, `<!-- rules -->` or
//! `<!-- travels -->` and `<!-- end -->`.

use std::fmt::Write as _;

use clap::CommandFactory;
use evbus::{
    cli::Cli,
    exit::Exit,
    message::travel::LEFT_BEHIND,
    topology::{argument::ARGUMENTS, file::schema, lint::RULES},
};

use crate::{
    support::{run::evbus, snapshot::same_as},
    tree::text,
};

fn block(what: &str) -> String {
    let mut out = String::new();
    if what == "exit codes" {
        out.push_str("| code | meaning |\n|---|---|\n");
        for exit in Exit::ALL {
            let _ = writeln!(out, "| {} | {} |", exit.code(), exit.meaning());
        }
    } else if what == "commands" {
        out.push_str("| command | does |\n|---|---|\n");
        for command in Cli::command().get_subcommands() {
            for (name, about) in leaves(command, "") {
                let _ = writeln!(out, "| `{name}` | {about} |");
            }
        }
    } else if what == "rules" {
        out.push_str("| rule | level | found |\n|---|---|---|\n");
        for rule in RULES {
            let _ = writeln!(out, "| `{}` | {} | {} |", rule.id, rule.level.word(), rule.finds);
        }
    } else if what == "travels" {
        out.push_str("| does not travel | of | why | kept as |\n|---|---|---|---|\n");
        for item in LEFT_BEHIND {
            let names: Vec<String> = item.names.iter().map(|name| format!("`{name}`")).collect();
            let (names, of) = (names.join(", "), item.of.word());
            let names = if item.is_property() { format!("{names}, the property") } else { names };
            let _ = writeln!(out, "| {names} | {of} | {} | {} |", item.why, item.keeps());
        }
    } else if let Some(words) = what.strip_prefix("help: ") {
        let done = evbus(words.split(' ')).and(["--help"]).done().ends_with(0);
        let shown = done.out();
        // The flags of every command are shown once, for the program.
        let own = shown.split("\nEverywhere:").next().unwrap_or_default().trim_end();
        let _ = write!(out, "```text\n{own}\n```\n");
    } else {
        panic!("{what:?} is no block");
    }
    out
}

fn leaves(command: &clap::Command, before: &str) -> Vec<(String, String)> {
    let name = format!("{before}{}", command.get_name());
    let below: Vec<_> = command.get_subcommands().flat_map(|sub| leaves(sub, &format!("{name} "))).collect();
    if below.is_empty() {
        vec![(name, command.get_about().map(ToString::to_string).unwrap_or_default())]
    } else {
        below
    }
}

#[test]
fn its_blocks_are_what_the_program_says() {
    let readme = text("README.md".as_ref());
    let (mut renewed, mut rest) = (String::new(), readme.as_str());
    while let Some(start) = rest.find("<!-- ") {
        let (before, after) = rest.split_at(start);
        let end = after.find(" -->").expect("a comment ends");
        let what = &after[5..end];
        renewed.push_str(before);
        let _ = writeln!(renewed, "<!-- {what} -->");
        renewed.push_str(&block(what));
        renewed.push_str("<!-- end -->");
        let tail = after.find("<!-- end -->").expect("a block ends with <!-- end -->") + "<!-- end -->".len();
        rest = &after[tail..];
    }
    renewed.push_str(rest);
    assert!(
        ["exit codes", "commands", "rules", "travels"].iter().all(|what| renewed.contains(&format!("<!-- {what} -->"))),
        "the README has its blocks"
    );
    same_as("README.md", &renewed);
}

#[test]
fn the_two_commands_stand_at_its_top() {
    let readme = text("README.md".as_ref());
    let top: String = readme.lines().take(40).collect::<Vec<_>>().join("\n");
    for command in ["./tests/with-rabbitmq cargo run --release -- demo", "./tests/with-rabbitmq cargo test"] {
        assert!(top.contains(command), "{command} is not at the top");
    }
}

#[test]
fn lint_has_nothing_against_its_topology_files() {
    let readme = text("README.md".as_ref());
    let folder = tempfile::tempdir().expect("a folder");
    let schema = text("src/ops/demo/EmailClassified-1.0.json".as_ref());
    std::fs::write(folder.path().join("EmailClassified-1.0.json"), schema).expect("it is written");
    let blocks: Vec<&str> = readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 2, "the tour's and the one that shows every section");
    for block in blocks {
        std::fs::write(folder.path().join("evbus.yaml"), block).expect("it is written");
        let done = evbus(["lint", "--level", "info"]).within(folder.path()).done().ends_with(0);
        assert_eq!(done.out(), "nothing found\n");
    }
}

/// The keys of every map of the format, but those that are arguments of queues.
fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(map) => {
            for (name, inner) in map.get("properties").and_then(serde_json::Value::as_object).into_iter().flatten() {
                if !ARGUMENTS.iter().any(|argument| argument.key == name) {
                    found.push(name.clone());
                }
                keys(inner, found);
            }
            map.iter().filter(|(name, _)| *name != "properties").for_each(|(_, inner)| keys(inner, found));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => (),
    }
}

#[test]
fn it_tells_of_every_key_of_the_topology_file() {
    let readme = text("README.md".as_ref());
    let section = readme.split("\n## ").find(|section| section.starts_with("The topology file")).expect("a section");
    let mut missing = Vec::new();
    keys(&schema(), &mut missing);
    assert!(missing.len() > 50, "{missing:?}");
    missing.retain(|word| !section.contains(&format!("`{word}`")) && !section.contains(&format!("`{word}: ")));
    assert!(missing.is_empty(), "the README does not tell of {missing:?}");
}
