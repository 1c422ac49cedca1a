//! Which room may use which: the plan of the house as data.

use crate::tree::{files, text};

/// A room and the rooms it may use, beside itself.
const ROOMS: [(&str, &[&str]); 19] = [
    ("broker", &["message", "topology", "version"]),
    ("catalog", &["message"]),
    ("cli", &["commands", "settings"]),
    (
        "commands",
        &[
            "broker",
            "catalog",
            "cli",
            "duration",
            "exit",
            "failure",
            "interrupt",
            "message",
            "nearest",
            "ops",
            "sandbox",
            "settings",
            "terminal",
            "topology",
            "version",
            "views",
        ],
    ),
    ("duration", &[]),
    ("exit", &[]),
    ("failure", &["broker", "catalog", "exit", "ops", "sandbox", "settings", "terminal", "topology"]),
    ("interrupt", &["exit"]),
    ("lib", &["commands"]),
    ("main", &[]),
    ("message", &[]),
    ("nearest", &[]),
    ("ops", &["broker", "catalog", "duration", "interrupt", "message", "nearest", "sandbox", "topology", "version"]),
    ("sandbox", &[]),
    ("settings", &["broker", "duration", "terminal"]),
    ("terminal", &["failure"]),
    ("topology", &["duration", "message", "nearest", "version"]),
    ("version", &[]),
    ("views", &["broker", "duration", "exit", "failure", "message", "ops", "terminal", "topology", "version"]),
];

/// The rooms a source text uses.
fn used(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            // The names at the outermost level of the braces.
            let mut depth = 0;
            let mut name = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => rooms.push(std::mem::take(&mut name)),
                    _ if depth == 0 => name.push(c),
                    _ => (),
                }
            }
            rooms.push(name);
        } else {
            rooms.push(rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect());
        }
    }
    let first = |room: String| room.trim().split("::").next().unwrap_or_default().trim().to_owned();
    rooms.into_iter().map(first).filter(|room| !room.is_empty()).collect()
}

#[test]
fn every_room_uses_only_what_it_may() {
    let mut wrong = Vec::new();
    for file in files() {
        let Ok(inside) = file.strip_prefix("src") else { continue };
        if inside.extension().is_none_or(|end| end != "rs") {
            continue;
        }
        let room =
            inside.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
        let room = room.trim_end_matches(".rs").to_owned();
        let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("{room} is not in the plan"));
            continue;
        };
        for other in used(&text(&file)) {
            if other != room && !may.contains(&other.as_str()) {
                wrong.push(format!("{} uses {other}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn only_one_room_knows_the_network_and_one_the_environment() {
    for file in files().iter().filter(|file| file.starts_with("src")) {
        let text = text(file);
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let outside = |room: &str| !file.starts_with(format!("src/{room}"));
            assert!(!(line.contains("lapin::") && outside("broker")), "{}: {line}", file.display());
            assert!(!(line.contains("reqwest::") && outside("broker")), "{}: {line}", file.display());
            assert!(!(line.contains("env::var") && outside("settings")), "{}: {line}", file.display());
        }
    }
}
