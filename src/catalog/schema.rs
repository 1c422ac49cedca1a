//! Whether a payload is what its event's JSON Schema says, and if not, everything that is wrong with it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jsonschema::{Retrieve, Uri, Validator};
use serde_json::Value;

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the schema {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is not JSON.
    #[error("the schema {path} is not JSON")]
    Json {
        /// The file.
        path: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// It is not a JSON Schema, or refers to one that cannot be had.
    #[error("the schema {path} cannot be used: {because}")]
    Schema {
        /// The file.
        path: String,
        /// What is wrong.
        because: String,
    },
}

/// One thing that is wrong with a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the payload, as a JSON pointer; empty is the payload itself.
    pub pointer: String,
    /// What is wrong. Values of the payload are not repeated: they can be anything.
    pub what: String,
}

/// A schema that is ready to use.
pub struct Schema {
    validator: Validator,
}

impl Schema {
    /// Reads a schema file. It may refer to files beside it and below, and to nothing else.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn load(path: &Path) -> Result<Schema, Error> {
        let shown = path.display().to_string();
        let text = fs::read(path).map_err(|source| Error::Read { path: shown.clone(), source })?;
        let schema: Value =
            serde_json::from_slice(&text).map_err(|source| Error::Json { path: shown.clone(), source })?;
        let wrong = |because: String| Error::Schema { path: shown.clone(), because };
        let absolute = fs::canonicalize(path).map_err(|source| Error::Read { path: shown.clone(), source })?;
        let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        let base = url::Url::from_file_path(&absolute).map_err(|()| wrong("its path is no URL".to_owned()))?;
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .with_base_uri(base.to_string())
            .with_retriever(Beside { folder })
            .build(&schema)
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Schema { validator })
    }

    /// Everything that is wrong with a payload, in the order of the schema.
    #[must_use]
    pub fn violations(&self, payload: &Value) -> Vec<Violation> {
        self.validator
            .iter_errors(payload)
            .map(|error| Violation {
                pointer: error.instance_path().to_string(),
                what: error.masked_with("the value").to_string(),
            })
            .collect()
    }
}

/// Reads referred schemas from the folder of the first one.
struct Beside {
    folder: PathBuf,
}

impl Retrieve for Beside {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let path = url::Url::parse(uri.as_str())?
            .to_file_path()
            .map_err(|()| format!("{uri} is not a file: schemas are read from files only"))?;
        let path = fs::canonicalize(&path)?;
        if !path.starts_with(&self.folder) {
            return Err(format!("{} is not below {}", path.display(), self.folder.display()).into());
        }
        Ok(serde_json::from_slice(&fs::read(path)?)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(text: &str) -> Result<Schema, Error> {
        let folder = tempfile::tempdir().map_err(|source| Error::Read { path: String::new(), source })?;
        let path = folder.path().join("a.json");
        let written =
            fs::write(&path, text).and_then(|()| fs::write(folder.path().join("b.json"), r#"{"type":"integer"}"#));
        written.map_err(|source| Error::Read { path: String::new(), source })?;
        Schema::load(&path)
    }

    #[test]
    fn every_violation_has_its_place_and_no_value() -> Result<(), Error> {
        let schema = schema(
            r#"{"type":"object","required":["id"],"properties":{"n":{"$ref":"b.json"},"c":{"enum":["A","B"]}}}"#,
        )?;
        assert_eq!(schema.violations(&json!({"id": 1, "n": 2, "c": "A"})), []);
        let found = schema.violations(&json!({"n": "secret", "c": "also secret"}));
        let pointers: Vec<&str> = found.iter().map(|violation| violation.pointer.as_str()).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(pointers.contains(&"/n") && pointers.contains(&"/c") && pointers.contains(&""));
        assert!(found.iter().all(|violation| !violation.what.contains("secret")), "{found:?}");
        Ok(())
    }

    #[test]
    fn a_schema_reads_nothing_from_elsewhere() {
        for reference in ["https://example.org/x.json", "file:///etc/hostname", "../x.json"] {
            let text = json!({ "$ref": reference }).to_string();
            assert!(schema(&text).is_err(), "{reference} was read");
        }
        assert!(schema("{").is_err() && schema(r#"{"type":"thing"}"#).is_err());
    }
}
