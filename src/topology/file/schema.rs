//! The format as a JSON Schema, for editors: made from the same description that files are checked against.

use serde_json::{Map, Value, json};

use super::{
    format,
    shape::{LONGEST_NAME, Object, Shape},
};
use crate::topology::lint::RULES;

/// The JSON Schema of a topology file.
#[must_use]
pub fn schema() -> Value {
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "evbus topology",
        "description": "What a RabbitMQ event bus is made of, for evbus.",
    });
    if let (Value::Object(schema), Value::Object(file)) = (&mut schema, object(&format::FILE)) {
        schema.extend(file);
    }
    schema
}

fn object(object: &Object) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in object.fields() {
        let mut property = of(&field.shape);
        if let Value::Object(property) = &mut property {
            property.insert("description".to_owned(), field.doc.into());
        }
        properties.insert(field.name.to_owned(), property);
        if field.required {
            required.push(Value::from(field.name));
        }
    }
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": ["string", "number"] }),
        Shape::Name(_) => {
            json!({ "type": ["string", "number"], "minLength": 1, "maxLength": LONGEST_NAME, "not": { "pattern": "^amq\\." } })
        }
        Shape::Key => json!({ "type": ["string", "number"], "maxLength": LONGEST_NAME }),
        Shape::Integer(least, most) if *most == i64::MAX => json!({ "type": "integer", "minimum": least }),
        Shape::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Number(least) => json!({ "type": "number", "minimum": least }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Time => json!({ "type": "string", "pattern": r"^\s*(\d+(ms|s|m|h|d|w)\s*)+$" }),
        Shape::Size => {
            json!({ "type": ["integer", "string"], "minimum": 0, "pattern": r"^\d+\s*([kKmMgGtT]?[bB]|[kKmMgGtT][iI][bB])?$" })
        }
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Rule => json!({ "enum": RULES.iter().map(|rule| rule.id).collect::<Vec<_>>() }),
        Shape::Any => json!({}),
        Shape::Object(inner) => object(inner),
        Shape::Map(map) => {
            let mut schema = json!({ "type": "object", "additionalProperties": of(&map.of) });
            if map.key.is_some() {
                schema["propertyNames"] =
                    json!({ "minLength": 1, "maxLength": LONGEST_NAME, "not": { "pattern": "^amq\\." } });
            }
            schema
        }
        Shape::List(inner) => json!({ "type": "array", "items": of(inner) }),
        Shape::WordOr(word, inner) => json!({ "anyOf": [{ "const": word }, object(inner)] }),
        Shape::TextOr(_, inner) => json!({ "anyOf": [{ "type": "string", "minLength": 1 }, object(inner)] }),
        Shape::Optional(inner) => json!({ "anyOf": [of(inner), { "type": "null" }] }),
    }
}
