//! Which topology file is meant, and its bytes: `-f`, the file named to the command, or `evbus.yaml` here.

use std::{
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use super::Context;
use crate::{
    broker::Broker,
    failure::Failure,
    ops::lint::LATEST,
    settings::{self, Origin},
    topology::{
        definitions::{Definitions, is_definitions},
        expand,
        file::{File, LARGEST, Malformed},
        lint::{self, Level},
    },
};

/// The file that is read where none is named.
const DEFAULT: &str = "evbus.yaml";

impl Context {
    /// The topology that is meant, if there is one: files that were named must be there, the default one need not.
    ///
    /// # Errors
    /// Files that cannot be read or understood: all of their faults at once.
    pub fn topology(&self) -> Result<Option<File>, Failure> {
        if self.settings.files().is_empty() && !Path::new(DEFAULT).exists() {
            return Ok(None);
        }
        self.require_topology(None).map(Some)
    }

    /// The topology that a command needs: from the file named to the command itself, or from `-f`, or the default.
    ///
    /// # Errors
    /// As [`Context::topology`]; and where there is no file at all.
    pub fn require_topology(&self, named: Option<&Path>) -> Result<File, Failure> {
        understood(self.read_files(named)?)
    }

    /// What lint is to look at: a topology, or a definitions file.
    ///
    /// # Errors
    /// As [`Context::require_topology`]; and a definitions file beside others.
    pub fn require_lintable(&self, named: Option<&Path>) -> Result<Lintable, Failure> {
        let files = self.read_files(named)?;
        let Some((path, bytes)) = files.iter().find(|(_, bytes)| is_definitions(bytes)) else {
            return understood(files).map(|file| Lintable::Topology(Box::new(file)));
        };
        if files.len() > 1 {
            let name = path.display();
            return Err(Failure::usage(
                "topology_file",
                format!("{name} is a definitions file, and stands beside others"),
            )
            .because("a topology can be made of several files; definitions are looked at one file at a time")
            .hint(format!("evbus lint {name}")));
        }
        Ok(Lintable::Definitions(Definitions::read(path.display().to_string(), folder(path), bytes)?))
    }

    /// The bytes of the files that are meant.
    fn read_files(&self, named: Option<&Path>) -> Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
        let mut paths: Vec<PathBuf> = self.settings.files().to_vec();
        paths.extend(named.map(Path::to_owned));
        if paths.is_empty() {
            paths.push(DEFAULT.into());
        }
        read_all(paths)
    }

    /// The topology of these files together.
    ///
    /// # Errors
    /// As [`Context::topology`].
    #[allow(clippy::unused_self, reason = "files are read by whoever runs a command")]
    pub fn read_topology(&self, paths: Vec<PathBuf>) -> Result<File, Failure> {
        understood(read_all(paths)?)
    }

    /// The broker for a command that needs nothing of a topology but its virtual host. A file that was named is held to as
    /// everywhere; one that merely lies here helps where it can, and never keeps anybody from looking at a queue.
    ///
    /// # Errors
    /// As [`Context::broker`]; and, for files that were named, as [`Context::topology`].
    pub fn broker_of_bus(&self) -> Result<Broker, Failure> {
        if self.settings.files().is_empty() && self.settings.names_vhost() {
            return self.broker(None);
        }
        self.broker_beside(self.topology_at_hand()?.as_ref())
    }

    /// The topology that is meant, if there is one, for a command that can do without: one that merely lies here and cannot be
    /// understood is left out of account, and that is said.
    ///
    /// # Errors
    /// For files that were named, as [`Context::topology`].
    pub fn topology_at_hand(&self) -> Result<Option<File>, Failure> {
        match self.topology() {
            Err(failure) if self.settings.files().is_empty() => {
                self.terminal.warn(&format!("{DEFAULT} here is left out of account: {}", failure.message));
                Ok(None)
            }
            found => found,
        }
    }

    /// The broker for a command that only looks, with the topology at hand.
    ///
    /// # Errors
    /// As [`Context::broker`].
    pub fn broker_beside(&self, file: Option<&File>) -> Result<Broker, Failure> {
        let vhost = file.and_then(|file| file.topology.vhost.as_ref()).map(|vhost| vhost.value.as_str());
        match self.settings.endpoint(vhost) {
            Err(settings::Error::VhostDisagrees { url, file }) if self.settings.files().is_empty() => {
                let which = format!("the virtual host is {url}, as the URL says; {DEFAULT} here is for {file}");
                self.terminal.warn(&which);
                return self.broker(None);
            }
            // Nobody typed it: whoever looks for a queue is told where it is looked for, unless that is where it always is.
            Ok(resolved)
                if resolved.vhost_origin == Origin::File
                    && resolved.endpoint.vhost != "/"
                    && self.settings.verbosity() == 0 =>
            {
                self.terminal.say(&format!("vhost {} ({})", resolved.endpoint.vhost, resolved.vhost_origin));
            }
            _ => (),
        }
        self.broker(vhost)
    }

    /// The topology for a command that makes it, or would: every subscription is to an event that there is. What else lint has
    /// against it is said.
    ///
    /// # Errors
    /// As [`Context::require_topology`]; and subscriptions to events that are not in the catalog.
    pub fn require_makeable_topology(&self, named: Option<&Path>) -> Result<File, Failure> {
        self.makeable(self.require_topology(named)?)
    }

    /// The same for a topology that was read.
    ///
    /// # Errors
    /// Subscriptions to events that are not in the catalog.
    pub fn makeable(&self, file: File) -> Result<File, Failure> {
        let (_, problems) = expand::expand(&file.topology, LATEST);
        if !problems.is_empty() {
            return Err(Malformed { problems, sources: file.sources }.into());
        }
        let errors = lint::lint(&file.topology, LATEST).count(Level::Error);
        if errors > 0 {
            let them = if errors == 1 { "an error" } else { &format!("{errors} errors") };
            self.terminal.warn(&format!("lint finds {them} in this topology: evbus lint shows what"));
        }
        Ok(file)
    }
}

/// What lint can look at.
pub enum Lintable {
    /// A topology.
    Topology(Box<File>),
    /// A definitions file.
    Definitions(Definitions),
}

fn understood(files: Vec<(PathBuf, Vec<u8>)>) -> Result<File, Failure> {
    let (paths, bytes): (Vec<PathBuf>, Vec<Vec<u8>>) = files.into_iter().unzip();
    let named = |path: &PathBuf| path.display().to_string();
    let files = paths.iter().zip(bytes).map(|(path, bytes)| (named(path), folder(path), bytes));
    Ok(File::read(files.collect())?)
}

/// What paths in a file are relative to.
fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn read_all(paths: Vec<PathBuf>) -> Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
    let read = |path: PathBuf| match read(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(error) => Err(unreadable(&path, &error)),
    };
    paths.into_iter().map(read).collect()
}

/// At most one byte more than a topology file can have: enough to see that it is too large. `-` is standard input.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = LARGEST as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let name = path.display();
    if error.kind() == ErrorKind::NotFound {
        let failure = Failure::usage("topology_file", format!("there is no file {name}"));
        return if path == Path::new(DEFAULT) {
            failure.hint("`evbus init` writes one to start from; -f names another")
        } else {
            failure
        };
    }
    Failure::usage("topology_file", format!("cannot read {name}")).because(error)
}
