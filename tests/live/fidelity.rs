//! Ten thousand messages with every property and every header type come out of record and replay as they went in.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "any bits will do for a value that only has to come back"
)]

use std::{collections::HashMap, path::Path};

use evbus::{
    message::{Field, Message, record},
    ops::dlq::archive::Reader,
};
use lapin::{
    BasicProperties,
    types::{AMQPValue, DecimalValue, FieldArray, FieldTable, LongString, ShortString},
};

use crate::support::live::broker;

const COUNT: u64 = 10_000;

/// A small generator of numbers: the same messages in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.next().is_multiple_of(many)
    }

    fn text(&mut self) -> String {
        const LETTERS: [char; 12] = ['a', 'Z', '0', ' ', '"', '\\', '\u{1b}', 'é', '漢', '\u{202e}', '🦀', '!'];
        (0..self.next() % 12).map(|_| LETTERS[(self.next() % 12) as usize]).collect()
    }

    fn short(&mut self) -> ShortString {
        ShortString::from(self.text())
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.next() % 40).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "any bits will do")]
    fn value(&mut self, depth: u32) -> AMQPValue {
        let n = self.next();
        match n % if depth == 0 { 16 } else { 18 } {
            0 => AMQPValue::Boolean(n & 64 == 0),
            1 => AMQPValue::ShortShortInt(self.next() as i8),
            2 => AMQPValue::ShortShortUInt(self.next() as u8),
            3 => AMQPValue::ShortInt(self.next() as i16),
            4 => AMQPValue::ShortUInt(self.next() as u16),
            5 => AMQPValue::LongInt(self.next() as i32),
            6 => AMQPValue::LongUInt(self.next() as u32),
            7 => AMQPValue::LongLongInt(self.next() as i64),
            // The broker keeps numbers, not bits: a NaN would make it close the connection.
            8 => AMQPValue::Float((self.next() as i32) as f32 / 7.0),
            9 => AMQPValue::Double((self.next() as i64) as f64 / 7.0),
            10 => {
                AMQPValue::DecimalValue(DecimalValue { scale: self.next() as u8 % 10, value: self.next() as u32 >> 1 })
            }
            11 => AMQPValue::LongString(LongString::from(self.bytes())),
            12 => AMQPValue::LongString(LongString::from(self.text())),
            13 => AMQPValue::Timestamp(self.next() >> 20),
            14 => AMQPValue::ByteArray(self.bytes().into()),
            15 => AMQPValue::Void,
            16 => AMQPValue::FieldArray(FieldArray::from(
                (0..self.next() % 4).map(|_| self.value(depth - 1)).collect::<Vec<_>>(),
            )),
            _ => AMQPValue::FieldTable(self.table(depth - 1)),
        }
    }

    fn table(&mut self, depth: u32) -> FieldTable {
        let mut table = FieldTable::default();
        for number in 0..self.next() % 5 {
            let name = if self.one_in(9) { "!i32".to_owned() } else { format!("h{number}{}", self.text()) };
            let value = self.value(depth);
            table.insert(ShortString::from(name), value);
        }
        table
    }

    fn properties(&mut self, number: u64) -> BasicProperties {
        let mut p = BasicProperties::default().with_message_id(ShortString::from(format!("m{number}")));
        if !self.one_in(5) {
            p = p.with_headers(self.table(3));
        }
        if self.one_in(2) {
            p = p.with_content_type(self.short()).with_content_encoding(self.short());
        }
        if self.one_in(2) {
            p = p.with_delivery_mode(1 + u8::from(self.one_in(2))).with_priority((self.next() % 256) as u8);
        }
        if self.one_in(2) {
            p = p.with_correlation_id(self.short()).with_reply_to(self.short()).with_type(self.short());
        }
        if self.one_in(2) {
            p = p.with_timestamp(if self.one_in(3) { 0 } else { self.next() >> 30 });
        }
        if self.one_in(2) {
            p = p.with_app_id(self.short()).with_cluster_id(self.short()).with_user_id("guest".into());
        }
        p
    }

    fn body(&mut self, number: u64) -> Vec<u8> {
        match self.next() % 4 {
            0 => format!("{{\"n\":{number},\"t\":{:?}}}", "x").into_bytes(),
            1 => format!("{{ \"n\" : {number} }}").into_bytes(),
            2 => self.bytes(),
            _ => self.text().into_bytes(),
        }
    }
}

/// What is compared: properties but what §6.2 of the record of a replay takes away or adds.
fn comparable(properties: &BasicProperties) -> (BasicProperties, FieldTable) {
    let mut headers = FieldTable::default();
    for (name, value) in properties.headers().clone().unwrap_or_default().inner() {
        let name_text = name.as_str();
        let history = name_text == "x-death"
            || name_text.starts_with("x-first-death-")
            || name_text.starts_with("x-last-death-")
            || name_text.starts_with("x-evbus-")
            || name_text == "x-delivery-count";
        if !history {
            headers.insert(name.clone(), value.clone());
        }
    }
    (properties.clone().with_headers(FieldTable::default()), headers)
}

#[test]
fn records_and_replays_give_back_what_was_sent() {
    let Some(live) = broker("fidelity") else { return };
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let sent: Vec<(BasicProperties, Vec<u8>)> =
        (0..COUNT).map(|number| (chance.properties(number), chance.body(number))).collect();
    for kind in ["classic", "quorum"] {
        let (work, dead) = (format!("{kind}.work"), format!("{kind}.dead"));
        live.pair(kind, &work, &dead);
        live.publish(&work, sent.iter().cloned());
        live.reject_all(&work, &dead);

        let shown = live.evbus(&["dlq", "show", &dead, "-o", "json", "--limit", "10000"]).done().ends_with(0);
        let mut read = HashMap::new();
        for line in shown.bytes().split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{\"format\"")) {
            let (_, message) = record::read(line).expect("a record");
            let mut again = Vec::new();
            record::write(&mut again, Some(&dead), &message).expect("it is written");
            assert_eq!(record::read(&again).expect("a record").1, message, "reading what was written");
            read.insert(message.properties.message_id.clone().unwrap_or_default(), message);
        }
        assert_eq!(read.len() as u64, COUNT, "{}", shown.err());

        let done = live.evbus(&["dlq", "replay", &dead, "--yes", "-o", "json"]).done().ends_with(0);
        assert_eq!(done.summary()["replayed"], COUNT, "{}", done.err());
        let arrived = live.drain(&work);
        assert_eq!(arrived.len() as u64, COUNT);
        let by_id: HashMap<String, &(BasicProperties, Vec<u8>)> = sent
            .iter()
            .map(|message| (message.0.message_id().as_ref().map(ToString::to_string).unwrap_or_default(), message))
            .collect();
        for delivery in &arrived {
            let id = delivery.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default();
            let (properties, body) = by_id.get(&id).expect("it was sent");
            assert_eq!(&delivery.data, body, "{kind} {id}");
            assert_eq!(comparable(&delivery.properties), comparable(properties), "{kind} {id}");
            let message = &read[&id];
            assert_eq!(&message.body, body, "{kind} {id}: the record's body");
            let headers = message.properties.headers.clone().unwrap_or_default();
            for (name, value) in properties.headers().clone().unwrap_or_default().inner() {
                assert!(
                    same(&headers[name.as_str()], value),
                    "{kind} {id} {name}: {:?} for {value:?}",
                    headers[name.as_str()]
                );
            }
        }
    }
}

/// Whether a field of a record is that AMQP value.
fn same(field: &Field, value: &AMQPValue) -> bool {
    match (field, value) {
        (Field::Void, AMQPValue::Void) => true,
        (Field::Bool(a), AMQPValue::Boolean(b)) => a == b,
        (Field::I8(a), AMQPValue::ShortShortInt(b)) => a == b,
        (Field::U8(a), AMQPValue::ShortShortUInt(b)) => a == b,
        (Field::I16(a), AMQPValue::ShortInt(b)) => a == b,
        (Field::U16(a), AMQPValue::ShortUInt(b)) => a == b,
        (Field::I32(a), AMQPValue::LongInt(b)) => a == b,
        (Field::U32(a), AMQPValue::LongUInt(b)) => a == b,
        (Field::I64(a), AMQPValue::LongLongInt(b)) => a == b,
        (Field::F32(a), AMQPValue::Float(b)) => a.to_bits() == b.to_bits(),
        (Field::F64(a), AMQPValue::Double(b)) => a.to_bits() == b.to_bits(),
        (Field::Decimal { scale, value }, AMQPValue::DecimalValue(b)) => *scale == b.scale && *value == b.value,
        (Field::Text(a), AMQPValue::LongString(b)) => a == b.as_bytes(),
        (Field::Bytes(a), AMQPValue::ByteArray(b)) => a == b.as_slice(),
        (Field::Timestamp(a), AMQPValue::Timestamp(b)) => a == b,
        (Field::Array(a), AMQPValue::FieldArray(b)) => {
            a.len() == b.as_slice().len() && a.iter().zip(b.as_slice()).all(|(a, b)| same(a, b))
        }
        (Field::Table(a), AMQPValue::FieldTable(b)) => {
            a.len() == b.inner().len()
                && b.inner().iter().all(|(name, b)| a.get(name.as_str()).is_some_and(|a| same(a, b)))
        }
        _ => false,
    }
}

/// The messages of an archive that is whole, by id.
fn archived(path: &Path) -> HashMap<String, Message> {
    let mut reader = Reader::open(path).expect("an archive");
    let mut all = HashMap::new();
    while let Some(message) = reader.next_message().expect("it is whole") {
        all.insert(message.properties.message_id.clone().unwrap_or_default(), message);
    }
    assert_eq!(reader.end().map(|end| (end.count, end.complete)), Some((all.len() as u64, true)));
    all
}

#[test]
fn an_archive_gives_back_what_was_in_the_queue() {
    let Some(live) = broker("archive-fidelity") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let mut sent: Vec<(BasicProperties, Vec<u8>)> =
        (0..600).map(|number| (chance.properties(number), chance.body(number))).collect();
    let bodies = [&b"null"[..], b"", b"\"x\"", b"\xff\xfe\x00", b"{\"a\":1e5}"];
    sent.extend(bodies.iter().zip(600..).map(|(body, number)| (chance.properties(number), body.to_vec())));
    for kind in ["classic", "quorum"] {
        let (work, dead) = (format!("{kind}.work"), format!("{kind}.dead"));
        live.pair(kind, &work, &dead);
        live.publish(&work, sent.iter().cloned());
        live.reject_all(&work, &dead);
        let file = |name: &str| folder.path().join(format!("{kind}.{name}"));
        let run = |words: &[&str], flag: &str, name: &str| {
            let run = live.evbus(&["dlq"]).and(words).and([flag.as_ref(), file(name).as_os_str()]);
            run.and(["-o", "json"]).done().ends_with(0).summary()
        };
        let many = sent.len();
        let exported = run(&["export", &dead], "--out", "before.zst");
        assert_eq!((&exported["exported"], &exported["complete"]), (&many.into(), &true.into()), "{exported}");
        let purged = run(&["purge", &dead, "--yes"], "--archive", "purged.ndjson.zst");
        assert_eq!((&purged["removed"], &purged["left"]), (&many.into(), &0.into()), "{purged}");
        let path = file("purged.ndjson.zst");
        assert_eq!(purged["undo"], format!("evbus dlq restore {}", path.display()));
        let restored = live.evbus(&["dlq", "restore", "--yes", "-o", "json"]).arg(&path).done().ends_with(0).summary();
        assert_eq!((&restored["replayed"], live.ready(&dead) as usize), (&many.into(), many), "{restored}");
        run(&["export", &dead], "--out", "after.ndjson");
        let (before, after) = (archived(&file("before.zst")), archived(&file("after.ndjson")));
        assert_eq!(before.len(), many);
        for (id, message) in before {
            let mut message = Message { redelivered: false, ..message };
            // Set by quorum queues anew at each delivery.
            let count =
                |message: &mut Message| message.properties.headers.as_mut().map(|all| all.remove("x-delivery-count"));
            let mut again = Message { redelivered: false, ..after[&id].clone() };
            count(&mut message);
            count(&mut again);
            assert_eq!(again, message, "{kind} {id}");
        }
        // Where they died is still known: a replay finds its way.
        let replayed = live.evbus(&["dlq", "replay", &dead, "--yes", "-o", "json"]).done().ends_with(0).summary();
        assert_eq!((&replayed["replayed"], live.ready(&work) as usize), (&many.into(), many), "{replayed}");
    }
}
