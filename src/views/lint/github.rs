//! A finding as an annotation of a GitHub workflow: a command on stdout, in which some characters mean something.

use crate::topology::{
    lint::{Finding, Level},
    place::Positions,
};

pub(super) fn annotation(finding: &Finding, positions: &Positions<'_>) -> String {
    let command = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "notice",
    };
    let title = format!("title={}", property(finding.rule.id));
    let text = data(&super::text(finding));
    match finding.place.map(|place| positions.of(place)) {
        Some(at) => {
            format!("::{command} file={},line={},col={},{title}::{text}", property(&at.file), at.line, at.column)
        }
        None => format!("::{command} {title}::{}: {text}", data(&super::place(finding, positions))),
    }
}

/// Text behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Text of a property, which a colon or a comma would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{
        lint::named,
        place::{Place, Source, Sources},
    };

    #[test]
    fn what_would_mean_something_is_escaped() {
        let rule = named("wildcard-on-direct").expect("there is one");
        let finding = Finding::new(rule, "queue", "a:b").says("50% of\na::b, lost", "do,it");
        assert_eq!(
            annotation(&finding, &Sources::default().positions()),
            "::error title=wildcard-on-direct::queue a:b: 50%25 of%0Aa::b, lost. Do,it"
        );
        let source = Source { name: "a,b:c%.yaml".to_owned(), folder: "".into(), text: "x\nyz".to_owned() };
        let placed = Finding { level: Level::Info, ..finding.at(Place { file: 0, start: 3, end: 4 }) };
        let line = annotation(&placed, &Sources(vec![source]).positions());
        assert!(
            line.starts_with("::notice file=a%2Cb%3Ac%25.yaml,line=2,col=2,title=wildcard-on-direct::50%25"),
            "{line}"
        );
    }
}
