//! What bounds a queue, in words and in JSON, and who says so.

use serde_json::{Map, Value, json};

use crate::topology::bounds::{Bound, Bounds, Origin};

/// Who says so: a word, and the policy's name.
pub fn origin(origin: &Origin) -> (&'static str, Option<&str>) {
    match origin {
        Origin::Argument => ("argument", None),
        Origin::Policy(name) => ("policy", name.as_deref()),
        Origin::OperatorPolicy(name) => ("operator", Some(name)),
        Origin::Broker => ("broker", None),
    }
}

/// What bounds a queue, by name; what does not bound it is not there.
pub fn json(bounds: &Bounds) -> Map<String, Value> {
    fn put<T>(
        all: &mut Map<String, Value>,
        name: &str,
        key: &str,
        bound: Option<&Bound<T>>,
        value: impl Fn(&T) -> Value,
    ) {
        let Some(bound) = bound else { return };
        let (from, policy) = origin(&bound.origin);
        all.insert(name.to_owned(), json!({ key: value(&bound.value), "from": from, "policy": policy }));
    }
    let mut all = Map::new();
    let seconds = |time: &std::time::Duration| json!(time.as_secs_f64());
    put(&mut all, "message_ttl", "value_s", bounds.message_ttl.as_ref(), seconds);
    put(&mut all, "expires", "value_s", bounds.expires.as_ref(), seconds);
    put(&mut all, "max_length", "value", bounds.max_length.as_ref(), |number| json!(number));
    put(&mut all, "max_length_bytes", "value", bounds.max_length_bytes.as_ref(), |number| json!(number));
    put(&mut all, "overflow", "value", bounds.overflow.as_ref(), |overflow| json!(overflow.word()));
    put(&mut all, "max_age", "value_s", bounds.max_age.as_ref(), seconds);
    put(&mut all, "delivery_limit", "value", bounds.delivery_limit.as_ref(), |number| json!(number));
    all
}

/// A length of time as it was set: in the largest unit that says it exactly.
pub fn exact(millis: u128) -> String {
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if millis >= length && millis.is_multiple_of(length) {
            return format!("{}{unit}", millis / length);
        }
    }
    format!("{millis}ms")
}

/// A size as it was set: in the largest unit that says it exactly.
pub fn size(bytes: u64) -> String {
    let binary = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let decimal = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    for (unit, length) in binary.into_iter().zip(decimal).flat_map(|(binary, decimal)| [decimal, binary]) {
        if bytes >= length && bytes.is_multiple_of(length) {
            return format!("{}{unit}", bytes / length);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_shown_exactly() {
        let times = [0, 250, 1000, 90_000, 3_600_000, 5_400_000, 14 * 86_400_000].map(exact);
        assert_eq!(times, ["0ms", "250ms", "1s", "90s", "1h", "90m", "14d"]);
        let sizes = [0, 999, 1000, 1024, 1500, 2 << 30, 5_000_000_000].map(size);
        assert_eq!(sizes, ["0B", "999B", "1kB", "1KiB", "1500B", "2GiB", "5GB"]);
    }
}
