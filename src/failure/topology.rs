//! Topology files that cannot be used.

use super::Failure;
use crate::{ops::plan::Error, topology::file::Malformed};

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Failure {
        let names: Vec<&str> = malformed.sources.0.iter().map(|source| source.name.as_str()).collect();
        let count = malformed.problems.len();
        let things = if count == 1 { "something is".to_owned() } else { format!("{count} things are") };
        Failure::usage("topology_file", format!("{things} wrong with {}", names.join(", ")))
            .detail(malformed.sources.explain(&malformed.problems))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Broker(error) => error.into(),
            Error::Unseen(error) => {
                let cause: Failure = error.into();
                let mut failure = Failure::new(cause.code, "what the broker has cannot be seen").because(cause.message);
                failure.causes.extend(cause.causes);
                let hint = "evbus apply works with AMQP alone, where the file is to be declared without looking";
                failure.hint(cause.hint.map_or_else(|| hint.to_owned(), |first| format!("{first}. {hint}")))
            }
            Error::Unmakeable(problems) => Failure::usage(
                "topology_file",
                problems.first().map_or_else(String::new, |problem| problem.message.clone()),
            ),
        }
    }
}
