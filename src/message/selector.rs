//! Which messages are meant: the common questions as fields, everything else as a jq expression over the record.

use jaq_core::{
    Compiler, Ctx, Vars, compile, data,
    load::{self, Arena, File, Loader},
    unwrap_valr,
};
use jaq_json::Val;

use super::{
    Message,
    group::Chosen,
    traits::Traits,
    validity::{Judge, Validity},
};

/// A jq expression that does not compile, with where and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the expression has a mistake at character {column}: {because}")]
pub struct Mistake {
    /// The expression.
    pub expression: String,
    /// Where, counted in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub because: String,
    /// What may have been meant.
    pub hint: Option<&'static str>,
}

/// What selects messages. Fields that are set must all hold.
#[derive(Default)]
pub struct Selector {
    /// The envelope's event type, or the `type` property.
    pub event: Option<String>,
    /// A topic pattern for the key it was first published with.
    pub key: Option<String>,
    /// The queue it died in.
    pub from_queue: Option<String>,
    /// Why it died.
    pub reason: Option<String>,
    /// It first died before this moment, or was published then where it never died.
    pub before: Option<jiff::Timestamp>,
    /// The same, after this moment.
    pub after: Option<jiff::Timestamp>,
    /// Its `message_id`.
    pub id: Option<String>,
    /// Its `correlation_id`.
    pub correlation_id: Option<String>,
    /// It is in one of these groups; none is every message.
    pub groups: Vec<Chosen>,
    /// Its payload is that, says whoever knows the catalog.
    pub only: Option<(Validity, Judge)>,
    /// A jq expression.
    pub expression: Option<Expression>,
}

impl Selector {
    /// Whether it selects every message.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        let Selector { event, key, from_queue, reason, before, after, id, correlation_id, groups, only, expression } =
            self;
        let texts = [event, key, from_queue, reason, id, correlation_id];
        let is_asked = before.is_some() || after.is_some() || only.is_some() || expression.is_some();
        texts.iter().all(|text| text.is_none()) && groups.is_empty() && !is_asked
    }

    /// Whether a message read from that queue is meant; `None` where an expression failed on it, which counts as no.
    #[must_use]
    pub fn matches(&self, queue: &str, message: &Message) -> Option<bool> {
        self.selects(&Traits::read_from(queue, message))
    }

    /// The same of a message some of which is known already.
    #[must_use]
    pub fn selects(&self, traits: &Traits<'_>) -> Option<bool> {
        // What costs most is asked last.
        if !self.fields_match(traits) {
            return Some(false);
        }
        if self.only.as_ref().is_some_and(|(wanted, judge)| traits.validity(judge) != *wanted) {
            return Some(false);
        }
        if !self.groups.is_empty() {
            let mut failed = false;
            let is_in = self.groups.iter().any(|chosen| {
                chosen.has(traits).unwrap_or_else(|| {
                    failed = true;
                    false
                })
            });
            if !is_in {
                return (!failed).then_some(false);
            }
        }
        self.expression.as_ref().map_or(Some(true), |expression| expression.holds(traits))
    }

    fn fields_match(&self, traits: &Traits<'_>) -> bool {
        let p = &traits.message().properties;
        let is =
            |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|wanted| found == Some(wanted));
        if !is(&self.id, p.message_id.as_deref()) || !is(&self.correlation_id, p.correlation_id.as_deref()) {
            return false;
        }
        if self.event.is_some() && !is(&self.event, traits.event()) {
            return false;
        }
        if let Some(pattern) = &self.key
            && !keys(traits).iter().any(|key| topic_matches(pattern, key))
        {
            return false;
        }
        (self.from_queue.is_none() || is(&self.from_queue, traits.source_queue()))
            && (self.reason.is_none() || is(&self.reason, traits.death().map(|death| death.reason.as_str())))
            && self.before.is_none_or(|before| traits.moment().is_some_and(|at| at < before))
            && self.after.is_none_or(|after| traits.moment().is_some_and(|at| at > after))
    }
}

/// The keys a message was first published with.
fn keys<'a>(traits: &'a Traits<'_>) -> &'a [String] {
    traits
        .original()
        .map_or_else(|| std::slice::from_ref(&traits.message().routing_key), |original| &original.routing_keys)
}

/// Whether a routing key matches a topic pattern as the broker matches it: `*` is one word, `#` any number of words.
#[must_use]
pub fn topic_matches(pattern: &str, key: &str) -> bool {
    fn words<'a>(pattern: &[&'a str], key: &[&'a str]) -> bool {
        match (pattern.split_first(), key.split_first()) {
            (None, None) => true,
            (Some((&"#", rest)), _) => {
                words(rest, key) || key.split_first().is_some_and(|(_, less)| words(pattern, less))
            }
            (Some((&"*", rest)), Some((_, less))) => words(rest, less),
            (Some((word, rest)), Some((found, less))) => word == found && words(rest, less),
            _ => false,
        }
    }
    // An empty key has no words to the broker, not one empty word.
    let split = |text: &str| {
        if text.is_empty() {
            Vec::new()
        } else {
            text.split('.').collect::<Vec<_>>().into_iter().map(str::to_owned).collect()
        }
    };
    let (pattern, key): (Vec<String>, Vec<String>) = (split(pattern), split(key));
    words(&pattern.iter().map(String::as_str).collect::<Vec<_>>(), &key.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A compiled jq expression over a message's record.
pub struct Expression {
    filter: jaq_core::compile::Filter<jaq_core::Native<data::JustLut<Val>>>,
}

/// That an expression failed on a message.
pub(super) struct Failed;

/// What an expression may not do: read the environment or end the program.
const FORBIDDEN: [&str; 5] = ["env", "halt", "halt_error", "input", "inputs"];

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// Its first mistake.
    pub fn compile(expression: &str) -> Result<Expression, Mistake> {
        let allowed = |name: &str| !FORBIDDEN.contains(&name);
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).filter(|def| allowed(def.name));
        let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs()).filter(|fun| allowed(fun.0));
        let arena = Arena::default();
        let modules = Loader::new(defs)
            .load(&arena, File { code: expression, path: () })
            .map_err(|errors| not_read(expression, &errors))?;
        let filter =
            Compiler::default().with_funs(funs).compile(modules).map_err(|errors| not_known(expression, &errors))?;
        Ok(Expression { filter })
    }

    /// Whether it holds for a message: its first answer is neither false nor null. `None` where it failed.
    fn holds(&self, traits: &Traits<'_>) -> Option<bool> {
        let first = self.first(traits).ok()?;
        Some(!matches!(first, None | Some(Val::Null | Val::Bool(false))))
    }

    /// Its first answer for a message, if it has any.
    ///
    /// # Errors
    /// Where it failed.
    pub(super) fn first(&self, traits: &Traits<'_>) -> Result<Option<Val>, Failed> {
        let input = traits.record().ok_or(Failed)?.clone();
        let context = Ctx::<data::JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        self.filter.id.run((context, input)).map(unwrap_valr).next().transpose().map_err(|_| Failed)
    }
}

fn mistake(expression: &str, at: &str, because: String) -> Mistake {
    // The compiler names a piece of the very text it was given; an end of input is an empty piece behind it.
    let start = (at.as_ptr() as usize).wrapping_sub(expression.as_ptr() as usize);
    let before = expression.get(..start).unwrap_or(expression);
    let dashed = expression.contains(".x-") || expression.contains("headers.x");
    let hint = dashed.then_some("names with a dash are quoted: .headers[\"x-death\"]");
    Mistake { expression: expression.to_owned(), column: before.chars().count() + 1, because, hint }
}

fn not_read(expression: &str, errors: &load::Errors<&str, ()>) -> Mistake {
    let end = &expression[expression.len()..];
    match errors.first().map(|(_, error)| error) {
        Some(load::Error::Lex(errors)) => match errors.first() {
            Some((expected, at)) => mistake(expression, at, format!("expected {}", expected.as_str())),
            None => mistake(expression, end, "it cannot be read".to_owned()),
        },
        Some(load::Error::Parse(errors)) => match errors.first() {
            Some((expected, at)) => {
                let found = if at.is_empty() { end } else { at };
                mistake(expression, found, format!("expected {}", expected.as_str()))
            }
            None => mistake(expression, end, "it cannot be read".to_owned()),
        },
        _ => mistake(expression, end, "it cannot be read; modules cannot be loaded here".to_owned()),
    }
}

fn not_known(expression: &str, errors: &compile::Errors<&str, ()>) -> Mistake {
    match errors.first().and_then(|(_, errors)| errors.first()) {
        Some((name, undefined)) => mistake(expression, name, format!("there is no {} {name}", undefined.as_str())),
        None => mistake(expression, expression, "it cannot be compiled".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Field, Properties, Table};

    fn rejected() -> Message {
        let death = Table::from([
            ("queue".to_owned(), Field::text("work")),
            ("reason".to_owned(), Field::text("rejected")),
            ("exchange".to_owned(), Field::text("events")),
            ("routing-keys".to_owned(), Field::Array(vec![Field::text("email.classified")])),
            ("time".to_owned(), Field::Timestamp(1_700_000_000)),
        ]);
        let headers = Table::from([("x-death".to_owned(), Field::Array(vec![Field::Table(death)]))]);
        Message {
            properties: Properties { headers: Some(headers), message_id: Some("m1".into()), ..Properties::default() },
            body: br#"{"event_id":"1","event_type":"EmailClassified","payload":{"n":7}}"#.to_vec(),
            ..Message::default()
        }
    }

    fn by(expression: &str) -> Option<bool> {
        let expression = Expression::compile(expression).ok();
        assert!(expression.is_some(), "the expression compiles");
        Selector { expression, ..Selector::default() }.matches("dlq", &rejected())
    }

    #[test]
    fn an_expression_sees_the_record() {
        assert_eq!(by(".body.json.payload.n == 7 and .queue == \"dlq\""), Some(true));
        assert_eq!(by(".properties.headers[\"x-death\"][0].reason == \"expired\""), Some(false));
        assert_eq!(by(".death.queue | test(\"^wo\")"), Some(true));
        assert_eq!(by("empty"), Some(false));
        assert_eq!(by(".queue.x"), None);
    }

    #[test]
    fn a_mistake_has_a_place_and_the_environment_stays_unread() {
        let mistake = |text| Expression::compile(text).err();
        assert_eq!(mistake(".a | frobnicate").map(|m| m.column), Some(6));
        assert!(mistake(".properties.headers.x-death").is_some_and(|m| m.hint.is_some()));
        assert!(mistake(".a ==").is_some() && mistake("\"").is_some() && mistake("").is_some());
        for forbidden in ["env.HOME", "$ENV.HOME", "halt", "input", "inputs"] {
            assert!(mistake(forbidden).is_some(), "{forbidden} was allowed");
        }
    }

    #[test]
    fn every_field_must_hold() {
        let at = |seconds| jiff::Timestamp::from_second(seconds).ok();
        let holds = |selector: Selector| selector.matches("dlq", &rejected());
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(holds(Selector::default()), Some(true));
        assert_eq!(
            holds(Selector { event: text("EmailClassified"), id: text("m1"), ..Selector::default() }),
            Some(true)
        );
        assert_eq!(
            holds(Selector { event: text("EmailClassified"), id: text("m2"), ..Selector::default() }),
            Some(false)
        );
        assert_eq!(
            holds(Selector { key: text("email.*"), from_queue: text("work"), ..Selector::default() }),
            Some(true)
        );
        assert_eq!(holds(Selector { reason: text("expired"), ..Selector::default() }), Some(false));
        assert_eq!(
            holds(Selector { before: at(1_700_000_001), after: at(1_699_999_999), ..Selector::default() }),
            Some(true)
        );
        assert_eq!(holds(Selector { before: at(1_700_000_000), ..Selector::default() }), Some(false));
    }

    #[test]
    fn topic_patterns_match_as_the_broker_matches_them() {
        for (pattern, key, expected) in [
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", false),
            ("a.*", "a", false),
            ("a.#", "a", true),
            ("a.#", "a.b.c", true),
            ("#.c", "a.b.c", true),
            ("#", "", true),
            ("*", "", false),
            ("a.#.#", "a", true),
            ("a.b", "a.b", true),
            ("a*", "ab", false),
        ] {
            assert_eq!(topic_matches(pattern, key), expected, "{pattern} {key}");
        }
    }
}
