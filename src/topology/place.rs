//! Where in a topology file something stands, and how a problem there is shown to its author.

use std::{fmt, path::PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A stretch of one of the files that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// Which file, counted from 0.
    pub file: usize,
    /// Its first byte.
    pub start: usize,
    /// The byte behind its last.
    pub end: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl<T> Spanned<T> {
    /// A value at a place.
    pub fn new(value: T, place: Place) -> Spanned<T> {
        Spanned { value, place }
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The text of one file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, as it was typed.
    pub name: String,
    /// The folder that paths in it are relative to.
    pub folder: PathBuf,
    /// What it says.
    pub text: String,
}

/// The files that make up a topology, in the order they were given.
#[derive(Debug, Clone, Default)]
pub struct Sources(pub Vec<Source>);

/// A place as people count: from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The file's name.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub place: Place,
    /// What stands below the excerpt's marks.
    pub label: String,
    /// A second place that has to do with it, and what it has.
    pub also: Option<Box<(Place, String)>>,
    /// What would be right.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at a place.
    pub fn new(message: impl Into<String>, place: Place) -> Problem {
        Problem { message: message.into(), place, label: String::new(), also: None, help: None }
    }

    /// The same problem with a word below the marks.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Problem {
        Problem { label: label.into(), ..self }
    }

    /// The same problem, pointing at a second place.
    #[must_use]
    pub fn also(self, place: Place, label: impl Into<String>) -> Problem {
        Problem { also: Some(Box::new((place, label.into()))), ..self }
    }

    /// The same problem with what would be right.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Problem {
        Problem { help: Some(help.into()), ..self }
    }
}

impl Sources {
    /// A place in the words of people.
    #[must_use]
    pub fn position(&self, place: Place) -> Position {
        let Some(source) = self.0.get(place.file) else {
            return Position { file: String::new(), line: 1, column: 1 };
        };
        let line = Line::of(&source.text, place);
        let column = 1 + source.text[line.from..line.start].chars().count();
        Position { file: source.name.clone(), line: line.number, column }
    }

    /// For many places: the lines are counted once.
    #[must_use]
    pub fn positions(&self) -> Positions<'_> {
        let starts = |source: &Source| {
            let behind = source.text.match_indices('\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(behind).collect()
        };
        Positions { sources: self, lines: self.0.iter().map(starts).collect() }
    }

    /// Problems with their excerpts, in the order of the files, without colours.
    #[must_use]
    pub fn explain(&self, problems: &[Problem]) -> String {
        let renderer = Renderer::plain();
        let mut sorted: Vec<&Problem> = problems.iter().collect();
        sorted.sort_by_key(|problem| problem.place);
        let mut texts: Vec<String> =
            sorted.iter().take(SHOWN).map(|problem| renderer.render(&[self.group(problem)])).collect();
        if sorted.len() > SHOWN {
            texts.push(format!("… and {} more", sorted.len() - SHOWN));
        }
        texts.join("\n\n")
    }

    fn group<'a>(&'a self, problem: &'a Problem) -> Group<'a> {
        let group = Group::with_title(Level::ERROR.primary_title(problem.message.as_str()));
        let mut group = self.excerpt(group, problem.place, &problem.label, AnnotationKind::Primary);
        if let Some(also) = &problem.also {
            group = self.excerpt(group, also.0, &also.1, AnnotationKind::Context);
        }
        if let Some(help) = &problem.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        group
    }

    fn excerpt<'a>(&'a self, group: Group<'a>, place: Place, label: &'a str, kind: AnnotationKind) -> Group<'a> {
        let Some(source) = self.0.get(place.file) else { return group };
        let line = Line::of(&source.text, place);
        let span = line.start - line.from..line.end - line.from;
        let annotation = kind.span(span).label((!label.is_empty()).then_some(label));
        let snippet = Snippet::source(&source.text[line.from..line.to]).path(source.name.as_str());
        group.element(snippet.line_start(line.number).fold(false).annotation(annotation))
    }
}

/// Places in the words of people, as [`Sources::position`] answers for one.
pub struct Positions<'a> {
    sources: &'a Sources,
    /// Where the lines of each file begin.
    lines: Vec<Vec<usize>>,
}

impl Positions<'_> {
    /// A place in the words of people.
    #[must_use]
    pub fn of(&self, place: Place) -> Position {
        let (Some(source), Some(lines)) = (self.sources.0.get(place.file), self.lines.get(place.file)) else {
            return self.sources.position(place);
        };
        let line = lines.partition_point(|start| *start <= place.start).max(1);
        let before = lines.get(line - 1).and_then(|from| source.text.get(*from..place.start));
        match before {
            Some(before) => Position { file: source.name.clone(), line, column: 1 + before.chars().count() },
            // Behind the end, or inside a character.
            None => self.sources.position(place),
        }
    }
}

/// How many problems are shown before the rest is only counted.
const SHOWN: usize = 100;

/// The line on which a place begins.
struct Line {
    number: usize,
    /// Where the line begins and ends.
    from: usize,
    to: usize,
    /// The part of the place that is on it.
    start: usize,
    end: usize,
}

impl Line {
    fn of(text: &str, place: Place) -> Line {
        let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let start = boundary(place.start);
        let from = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let to = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let to = if text[start..to].ends_with('\r') { to - 1 } else { to };
        let end = boundary(place.end).clamp(start, to);
        let number = 1 + text[..from].bytes().filter(|byte| *byte == b'\n').count();
        Line { number, from, to, start, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Sources {
        Sources(vec![Source { name: "evbus.yaml".into(), folder: PathBuf::new(), text: text.into() }])
    }

    #[test]
    fn an_excerpt_shows_the_line_the_place_and_what_would_be_right() {
        let all = sources("a: 1\nbä: x\n");
        let problem = Problem::new("wrong word", Place { file: 0, start: 10, end: 11 })
            .label("not this")
            .also(Place { file: 0, start: 0, end: 1 }, "but this")
            .help("write `a`");
        let text = all.explain(&[problem]);
        for part in ["error: wrong word", "evbus.yaml:2:5", "bä: x", "^ not this", "- but this", "help: write `a`"] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn a_line_of_megabytes_is_shown_around_the_place() {
        let long = format!("{{\"ä\": \"{}\", b: c}}", "x".repeat(1 << 20));
        let all = sources(&long);
        let at = long.find("b:").unwrap_or_default();
        let text = all.explain(&[Problem::new("wrong", Place { file: 0, start: at, end: at + 1 }).label("here")]);
        assert!(text.len() < 1000, "{} bytes", text.len());
        assert!(text.contains(&format!("evbus.yaml:1:{at}")), "the column counts characters of the whole line\n{text}");
    }

    #[test]
    fn many_places_are_what_each_of_them_is() {
        let all = sources("a: 1\nbä: x\r\n\nc\n");
        let positions = all.positions();
        for start in 0..20 {
            let place = Place { file: 0, start, end: start + 1 };
            assert_eq!(positions.of(place), all.position(place), "{start}");
        }
        assert_eq!(positions.of(Place { file: 7, start: 0, end: 0 }).file, "");
    }

    #[test]
    fn a_place_behind_the_end_is_the_end() {
        let position = sources("a\nb").position(Place { file: 0, start: 99, end: 100 });
        assert_eq!((position.line, position.column), (2, 2));
    }
}
