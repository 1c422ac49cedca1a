//! Who has made what? Each name's record lies in the broker as a global parameter, or in a file of the user's own.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::whole;
use crate::{
    broker::{self, Broker, management::GlobalParameter},
    topology::owned::{FORMAT, Ownership, Record},
};

/// Why it cannot be known, or kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state file cannot be read or written.
    #[error("cannot use the state file {path}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A record is not one that this evbus can read: overwriting it would forget what it says.
    #[error("{place} holds no record that can be read")]
    Unreadable {
        /// The file, or the global parameter.
        place: String,
        /// What is wrong with it.
        because: String,
    },
    /// The record in a state file is somebody else's.
    #[error("the state file {path} is that of {name} in vhost {vhost}")]
    Foreign {
        /// The file.
        path: String,
        /// Whose record it is.
        name: String,
        /// Of which virtual host.
        vhost: String,
    },
    /// The broker does not give the records away, or does not take one.
    #[error("the record of what was made cannot be kept in the broker")]
    Broker(#[from] broker::Error),
}

/// Where a name's record is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Keeper {
    Broker,
    File(PathBuf),
    /// Nowhere, and why.
    Nobody(String),
}

/// Who owns what, and where that is written down.
#[derive(Debug)]
pub struct Records {
    /// Who owns what.
    pub ownership: Ownership,
    keeper: Keeper,
    /// What to know of records that cannot be read.
    pub warnings: Vec<String>,
}

impl Records {
    /// Nothing is known, for that reason, and nothing is written down.
    #[must_use]
    pub fn unknown(why: &str) -> Records {
        Records { ownership: Ownership::default(), keeper: Keeper::Nobody(why.to_owned()), warnings: Vec::new() }
    }

    /// What is known of a broker's virtual host, for a file of that name.
    ///
    /// # Errors
    /// See [`Error`]. A user who may not see the broker's records is no error: [`Records::why_unknown`] tells it.
    pub async fn load(broker: &Broker, name: Option<&str>, state: Option<&Path>) -> Result<Records, Error> {
        let mut ownership = Ownership::default();
        let mut keeper = Keeper::Broker;
        let mut warnings = Vec::new();
        match broker.management().global_parameters().await {
            Ok(parameters) => {
                let own = name.map(|name| key(broker.vhost(), name));
                for parameter in parameters {
                    let place = format!("the global parameter {}", parameter.name);
                    let is_record = parameter.value["format"].as_str().is_some_and(|format| format.starts_with(KIND));
                    let read = read(&parameter.value.to_string(), &place);
                    match read {
                        Ok(record) if record.vhost != broker.vhost() => (),
                        Ok(record) if Some(record.name.as_str()) == name => ownership.record = Some(record),
                        Ok(record) => {
                            ownership.others.extend(record.ids().map(|id| (id.clone(), record.name.clone())));
                        }
                        // It would be written over.
                        Err(error) if own.as_ref() == Some(&parameter.name) => return Err(error),
                        Err(_) if is_record && parameter.name.starts_with(&key(broker.vhost(), "")) => {
                            warnings
                                .push(format!("{place} cannot be read: what it says belongs to others is not known"));
                        }
                        Err(_) => (),
                    }
                }
            }
            Err(broker::Error::ManagementTag { .. }) => {
                keeper = Keeper::Nobody("the user has not the tag policymaker".to_owned());
            }
            Err(error) => return Err(error.into()),
        }
        let Some(name) = name else {
            ownership.record = None;
            return Ok(Records { ownership, keeper: Keeper::Nobody("the file has no name".to_owned()), warnings });
        };
        if let Some(path) = state {
            keeper = Keeper::File(path.to_owned());
            ownership.record = from_file(path, name, broker.vhost())?;
        }
        if !matches!(keeper, Keeper::Nobody(_)) {
            ownership.record.get_or_insert_with(|| Record::new(name, broker.vhost()));
        }
        Ok(Records { ownership, keeper, warnings })
    }

    /// Why nothing is known of what was made before; `None` where it is known.
    #[must_use]
    pub fn why_unknown(&self) -> Option<&str> {
        match &self.keeper {
            Keeper::Nobody(why) => Some(why),
            Keeper::Broker | Keeper::File(_) => None,
        }
    }

    /// Writes a record down in place of the one before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn keep(&mut self, broker: &Broker, record: Record) -> Result<(), Error> {
        match &self.keeper {
            Keeper::Nobody(_) => return Ok(()),
            Keeper::File(path) => {
                to_file(path, &record).map_err(|source| Error::File { path: path.display().to_string(), source })?;
            }
            Keeper::Broker => {
                let value = serde_json::to_value(&record).map_err(|error| Error::Unreadable {
                    place: "the record".to_owned(),
                    because: error.to_string(),
                })?;
                let name = key(&record.vhost, &record.name);
                broker.management().put_global_parameter(&GlobalParameter { name, value }).await?;
            }
        }
        self.ownership.record = Some(record);
        Ok(())
    }
}

/// What the format of every record begins with, also of one that a newer evbus has written.
const KIND: &str = "evbus.owned/";

/// The global parameter of a name. A dot in the virtual host's name is escaped: what follows it would read as a part of the other.
fn key(vhost: &str, name: &str) -> String {
    format!("evbus.{}.{name}", vhost.replace('%', "%25").replace('.', "%2E"))
}

fn read(text: &str, place: &str) -> Result<Record, Error> {
    let unreadable = |because: String| Error::Unreadable { place: place.to_owned(), because };
    let record: Record = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    if record.format == FORMAT { Ok(record) } else { Err(unreadable(format!("its format is {:?}", record.format))) }
}

fn from_file(path: &Path, name: &str, vhost: &str) -> Result<Option<Record>, Error> {
    let shown = path.display().to_string();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::File { path: shown, source }),
    };
    let record = read(&text, &shown)?;
    if record.name != name || record.vhost != vhost {
        return Err(Error::Foreign { path: shown, name: record.name, vhost: record.vhost });
    }
    Ok(Some(record))
}

fn to_file(path: &Path, record: &Record) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(record)?;
    text.push(b'\n');
    whole::write(path, &text)
}
