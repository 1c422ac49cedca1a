//! What the files of the repository may be.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every file of the repository that git would keep, from its top.
pub fn files() -> Vec<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open = vec![top.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository").flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let skipped = folder == top && (name == "target" || name == ".git");
            if path.is_dir() && !skipped {
                open.push(path);
            } else if path.is_file() && !skipped {
                found.push(path.strip_prefix(top).expect("below the top").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The text of a file of the repository; empty where it is not text.
pub fn text(path: &Path) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_default()
}

#[test]
fn the_top_level_is_what_cargo_git_and_readers_want() {
    const ALLOWED: [&str; 18] = [
        ".ci",
        ".gitignore",
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "benches",
        "build.rs",
        "clippy.toml",
        "completions",
        "deny.toml",
        "rustfmt.toml",
        "src",
        "tests",
        ".github",
        ".cargo",
    ];
    for file in files() {
        let top =
            file.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
        assert!(ALLOWED.contains(&top.as_str()), "{top} at the top level");
    }
}

#[test]
fn no_source_file_holds_two_rooms() {
    for file in files().iter().filter(|file| file.extension().is_some_and(|end| end == "rs") && file.starts_with("src"))
    {
        let lines = text(file).lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
        assert!(lines <= 450, "{} has {lines} lines: is it one thing?", file.display());
    }
}

#[test]
fn there_are_no_drawers() {
    for file in files() {
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        assert!(!["utils", "util", "common", "helpers", "misc"].contains(&name.as_str()), "{}", file.display());
    }
}

#[test]
fn every_module_says_what_it_answers() {
    for file in files().iter().filter(|file| file.extension().is_some_and(|end| end == "rs")) {
        assert!(text(file).starts_with("//!"), "{} does not begin with its question", file.display());
    }
}

#[test]
fn nothing_names_a_machine_or_is_left_for_later() {
    // Written in pieces, so that this file does not find itself.
    let banned = [["/wo", "rk/"].concat(), ["/op", "t/evbus"].concat(), ["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    for file in files().iter().filter(|file| !file.ends_with("Cargo.lock")) {
        let text = text(file);
        for word in &banned {
            assert!(!text.contains(word.as_str()), "{} has {word}", file.display());
        }
    }
}
