//! A topology file and the broker it is for.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    live::{Live, broker},
    run::Run,
};

/// A broker, and a folder with a topology file.
pub struct Shop {
    /// The broker.
    pub live: Live,
    /// Where `evbus.yaml` lies.
    pub folder: tempfile::TempDir,
}

impl Shop {
    /// A virtual host of that name, and a file with that text; `None` without a broker.
    pub fn open(test: &str, text: &str) -> Option<Shop> {
        let live = broker(test)?;
        let shop = Shop { live, folder: tempfile::tempdir().expect("a folder") };
        shop.write(text);
        Some(shop)
    }

    /// Writes `evbus.yaml`.
    pub fn write(&self, text: &str) {
        fs::write(self.folder.path().join("evbus.yaml"), text).expect("the file is written");
    }

    /// evbus in that folder.
    pub fn evbus(&self, arguments: &[&str]) -> Run {
        self.live.evbus(arguments).within(self.folder.path())
    }

    /// What the management API lists in the virtual host.
    pub fn list(&self, what: &str) -> Vec<Value> {
        let path = format!("{what}/{}", self.live.vhost);
        let all = self.live.api(Method::GET, &path, None).as_array().cloned().unwrap_or_default();
        // The queue that keeps other applies out goes with its connection.
        all.into_iter().filter(|object| object["name"] != "evbus.lock.").collect()
    }

    /// A user of that name and tags who may do everything in this virtual host, and how evbus runs as it.
    pub fn user(&self, name: &str, tags: &str, arguments: &[&str]) -> Run {
        let name = format!("{}-{name}", self.live.vhost);
        let password = json!({ "password": "secret", "tags": tags });
        self.live.api(Method::PUT, &format!("users/{name}"), Some(password));
        let all = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        self.live.api(Method::PUT, &format!("permissions/{}/{name}", self.live.vhost), Some(all));
        let url = self.live.url().replacen("guest:guest@", &format!("{name}:secret@"), 1);
        self.evbus(arguments).env("EVBUS_URL", url)
    }

    /// Takes the user away.
    pub fn forget(&self, name: &str) {
        self.live.api(Method::DELETE, &format!("users/{}-{name}", self.live.vhost), None);
    }

    /// Whether the broker is older than 4.0.
    pub fn is_before_4(&self) -> bool {
        self.live.version() < evbus::version::Version::new(4, 0, 0)
    }
}
