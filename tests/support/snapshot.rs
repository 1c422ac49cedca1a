//! Texts that are compared with committed files.

use std::{fs, path::Path};

/// Compares a text with a file of the repository; `BLESS=1` writes it instead.
///
/// # Panics
/// When they differ.
#[track_caller]
pub fn same_as(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("BLESS").is_some() {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("the snapshot's folder can be made");
        }
        fs::write(&path, text).expect("the snapshot can be written");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{file} is not what it was; BLESS=1 renews it\n{}", difference(&expected, text));
}

fn difference(expected: &str, found: &str) -> String {
    let lines: Vec<(&str, &str)> = {
        let (mut a, mut b) = (expected.lines(), found.lines());
        std::iter::from_fn(|| match (a.next(), b.next()) {
            (None, None) => None,
            (a, b) => Some((a.unwrap_or("(no line)"), b.unwrap_or("(no line)"))),
        })
        .collect()
    };
    let first = lines.iter().position(|(a, b)| a != b).unwrap_or(0);
    lines[first..].iter().take(12).map(|(a, b)| format!("- {a}\n+ {b}\n")).collect()
}
