//! A broker that a test has for itself, and may bring into trouble.

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use evbus::sandbox::{self, Options, Sandbox};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::live::{Live, broker, options};

/// A broker of the test's own.
pub struct Own {
    sandbox: Sandbox,
    server: PathBuf,
    /// The server that took the place of the sandbox's own after a crash.
    again: Option<Child>,
    /// Whether its keeper is held still.
    is_held: bool,
}

/// Where a sandbox says which process its server is.
const PROCESS: &str = "process";

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
    Some(Own::start(server, None))
}

impl Own {
    /// A broker of that server program. Where there is another one to start it with, that one sets it up, and becomes the server.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(server: PathBuf, starter: Option<PathBuf>) -> Own {
        let options = Options { server: Some(starter.unwrap_or_else(|| server.clone())), ..options() };
        let sandbox =
            Sandbox::start(&options, || false).unwrap_or_else(|error| panic!("a broker of its own: {error:?}"));
        Own { sandbox, server, again: None, is_held: false }
    }

    /// Its AMQP address.
    pub fn url(&self) -> String {
        self.sandbox.url()
    }

    /// Its management API.
    pub fn management_url(&self) -> String {
        self.sandbox.management_url()
    }

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

    /// Makes it take no messages any more, for want of room on its disk.
    pub fn raise_disk_alarm(&self) {
        self.ctl(&["set_disk_free_limit", "1000000GB"]);
    }

    /// Finds the room that there is.
    pub fn end_disk_alarm(&self) {
        self.ctl(&["set_disk_free_limit", "1MB"]);
    }

    /// Restarts it in order: every connection is closed, every queue recovered.
    pub fn restart(&self) {
        self.ctl(&["stop_app"]);
        self.ctl(&["start_app"]);
    }

    /// Kills it as a crash would, and starts it again on what it left on the disk.
    ///
    /// # Panics
    /// Where there is no `/proc` to find the processes in.
    pub fn crash_and_restart(&mut self) {
        self.crash();
        self.start_again();
    }

    /// Kills it as a crash would.
    ///
    /// # Panics
    /// Where there is no `/proc` to find the processes in.
    pub fn crash(&mut self) {
        // The keeper would clear up behind a server that has ended: it is held still until this broker is done with.
        self.keeper(Signal::STOP);
        self.is_held = true;
        self.end();
    }

    /// Ends the server, if it runs.
    pub fn end(&mut self) {
        let record = self.sandbox.folder().join(PROCESS);
        let server = std::fs::read_to_string(&record).ok().and_then(|text| text.trim().parse().ok());
        // Gone already is as good as killed.
        let _ = server.and_then(Pid::from_raw).map(|group| kill_process_group(group, Signal::KILL));
        // The number may be somebody else's from now on.
        let _ = std::fs::remove_file(record);
        if let Some(mut again) = self.again.take() {
            let _ = again.wait();
        }
    }

    /// Starts it on what it left on the disk when it crashed.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_again(&mut self) {
        let mut command = Command::new(&self.server);
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("LANG", "C.UTF-8").envs(self.environment()).current_dir(self.sandbox.folder());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let again = command.spawn().expect("it starts again");
        // Whoever clears up, should this test be killed, has to find it.
        std::fs::write(self.sandbox.folder().join(PROCESS), again.id().to_string()).expect("its process is written");
        self.again = Some(again);
    }

    fn keeper(&self, signal: Signal) {
        let folder = self.sandbox.folder().display().to_string();
        let processes = std::fs::read_dir("/proc").expect("a list of processes").flatten();
        for process in processes {
            let command = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let id = process.file_name().to_string_lossy().parse().ok().and_then(Pid::from_raw);
            if let Some(id) = id.filter(|_| command.contains("--keep") && command.contains(&folder)) {
                kill_process(id, signal).expect("it gets the signal");
            }
        }
    }

    fn environment(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.sandbox.folder().join("environment")).expect("its environment");
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Runs the broker's own tool, which stands beside the server under a name of the same make.
    fn ctl(&self, arguments: &[&str]) {
        let tool = self.server.display().to_string().replace("rabbitmq-server", "rabbitmqctl");
        let variables = self.environment();
        let node = &variables.iter().find(|(name, _)| name == "RABBITMQ_NODENAME").expect("its name").1;
        let mut command = Command::new(tool);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LANG", "C.UTF-8");
        command.envs(variables.iter().cloned()).args(["-n", node]).args(arguments);
        let done = command.output().expect("the tool runs");
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if self.is_held {
            self.end();
            self.keeper(Signal::CONT);
        }
    }
}
