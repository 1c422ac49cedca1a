//! A broker that a test has for itself, and may bring into trouble.

use std::{path::PathBuf, process::Command};

use evbus::sandbox::{self, Sandbox};

use super::live::{Live, broker, options};

/// A broker of the test's own.
pub struct Own {
    sandbox: Sandbox,
    server: PathBuf,
}

/// A broker of its own for the test of that name, or nothing, said aloud.
///
/// # Panics
/// When a server program is here and does not start.
pub fn own(test: &str) -> Option<Own> {
    // Where no broker is wanted or possible that one says so.
    drop(broker(test)?);
    let Some(server) = options().server.or_else(sandbox::find) else {
        eprintln!("SKIPPED {test}: a broker is there, but no server program to start one of its own");
        return None;
    };
    let sandbox = Sandbox::start(&options(), || false).unwrap_or_else(|error| panic!("a broker of its own: {error:?}"));
    Some(Own { sandbox, server })
}

impl Own {
    /// A virtual host on it.
    pub fn live(&self, test: &str) -> Live {
        Live::at(&self.sandbox.url(), &self.sandbox.management_url(), test)
    }

    /// Makes it take no messages any more.
    pub fn raise_alarm(&self) {
        self.ctl(&["set_vm_memory_high_watermark", "absolute", "1MB"]);
    }

    /// Makes it take messages again.
    pub fn end_alarm(&self) {
        self.ctl(&["set_vm_memory_high_watermark", "0.6"]);
    }

    /// Runs the broker's own tool, which stands beside the server under a name of the same make.
    fn ctl(&self, arguments: &[&str]) {
        let tool = self.server.display().to_string().replace("rabbitmq-server", "rabbitmqctl");
        let environment = std::fs::read_to_string(self.sandbox.folder().join("environment")).expect("its environment");
        let variables: Vec<_> = environment.lines().filter_map(|line| line.split_once('=')).collect();
        let node = variables.iter().find(|(name, _)| *name == "RABBITMQ_NODENAME").expect("its name").1;
        let mut command = Command::new(tool);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LANG", "C.UTF-8");
        command.envs(variables.iter().copied()).args(["-n", node]).args(arguments);
        let done = command.output().expect("the tool runs");
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
}
