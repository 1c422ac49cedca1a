//! Rules about definitions files: what an import refuses or passes over, and what should not be written down in one.

use std::collections::HashSet;

use super::{Finding, Level, Rule};
use crate::topology::definitions::{Definitions, Oddity, User};

pub(super) static UNDECLARED_VHOST: Rule = Rule {
    id: "undeclared-vhost",
    level: Level::Error,
    finds: "an object in a virtual host that the file does not list",
    why: "On a broker that does not have the virtual host the import fails there.",
    fix: "List it under `vhosts`, or correct the name.",
};

pub(super) static MISSING_VHOST: Rule = Rule {
    id: "missing-vhost",
    level: Level::Error,
    finds: "an object without a virtual host, in a file that names some",
    why: "Only an import into one virtual host takes such an object; another fails, or passes it over with a warning in the log.",
    fix: "Write its `vhost`.",
};

pub(super) static INCOMPLETE: Rule = Rule {
    id: "incomplete-object",
    level: Level::Error,
    finds: "an object without a field that an import needs, like a binding without `routing_key` or `destination_type`",
    why: "The import fails there, and what comes behind is not made.",
    fix: "Write the field.",
};

pub(super) static UNKNOWN_FIELD: Rule = Rule {
    id: "unknown-field",
    level: Level::Info,
    finds: "a field that definitions do not have",
    why: "The broker passes it over: what its author expects of it does not happen.",
    fix: "Correct the name, or leave it away.",
};

pub(super) static DUPLICATE: Rule = Rule {
    id: "duplicate-object",
    level: Level::Warning,
    finds: "an object that stands in the file twice",
    why: "Where the two differ, only one of them is made.",
    fix: "Remove one of them.",
};

pub(super) static CLEAR_TEXT: Rule = Rule {
    id: "clear-text-password",
    level: Level::Warning,
    finds: "a user whose password stands in the file",
    why: "Whoever can read the file, or its history, has the password.",
    fix: "Write `password_hash` instead (`rabbitmqctl hash_password`), and change the password.",
};

pub(super) static GUEST: Rule = Rule {
    id: "guest-user",
    level: Level::Warning,
    finds: "the user `guest`",
    why: "Its name, and mostly its password, are known to everybody. The broker lets it in from its own machine alone, unless told otherwise.",
    fix: "Remove it, and give each program a user of its own.",
};

pub(super) static WITHOUT_PERMISSION: Rule = Rule {
    id: "user-without-permission",
    level: Level::Info,
    finds: "a user without permissions in any virtual host",
    why: "It can sign in, and open no virtual host. For users of the management API alone that is meant.",
    fix: "Give it permissions, or remove it.",
};

pub(super) fn check(definitions: &Definitions, findings: &mut Vec<Finding>) {
    for (oddity, place, kind, name) in &definitions.oddities {
        let (rule, message, fix) = match oddity {
            Oddity::UndeclaredVhost(vhost) => (
                &UNDECLARED_VHOST,
                format!("{name} is in the virtual host {vhost}, which the file does not list"),
                format!("list {vhost} under vhosts, or correct the name"),
            ),
            Oddity::MissingVhost => {
                (&MISSING_VHOST, format!("{name} is in no virtual host"), "write its vhost".to_owned())
            }
            Oddity::Missing(field) => {
                (&INCOMPLETE, format!("{name} has no {field}: the import fails there"), format!("write its {field}"))
            }
            Oddity::Unknown(field) => (
                &UNKNOWN_FIELD,
                format!("definitions have no field {field} here: it is passed over"),
                "correct the name, or leave it away".to_owned(),
            ),
            Oddity::Again => {
                (&DUPLICATE, format!("{name} stands in the file twice"), "remove one of the two".to_owned())
            }
        };
        findings.push(Finding::new(rule, kind, name.as_str()).at(*place).says(message, fix));
    }
    let permitted: HashSet<&str> = definitions.permitted.iter().map(String::as_str).collect();
    for user in &definitions.users {
        of_user(user, definitions, &permitted, findings);
    }
}

fn of_user(user: &User, definitions: &Definitions, permitted: &HashSet<&str>, findings: &mut Vec<Finding>) {
    let about = |rule| Finding::new(rule, "user", user.name.as_str()).at(user.place);
    // The password itself is not even read.
    if let Some(place) = user.password {
        findings.push(about(&CLEAR_TEXT).at(place).says(
            format!("the password of {} stands here for everybody to read", user.name),
            "write password_hash instead (rabbitmqctl hash_password), and change the password",
        ));
    }
    if user.name == "guest" {
        findings.push(
            about(&GUEST)
                .says("guest is a user that everybody knows", "remove it, and give each program a user of its own"),
        );
    }
    if !definitions.permitted.is_empty() && !permitted.contains(user.name.as_str()) {
        findings.push(
            about(&WITHOUT_PERMISSION)
                .says(format!("{} may do nothing in any virtual host", user.name), "give it permissions, or remove it"),
        );
    }
}
