//! What a sandbox shows: its addresses, where no command asks for them.

use serde_json::json;

use crate::{ops::sandbox::Event, terminal::Terminal};

/// One event.
pub fn event(terminal: &mut Terminal, event: Event<'_>) {
    match event {
        Event::Starting => terminal.say("starting a private RabbitMQ"),
        Event::Ready(sandbox) => {
            let (url, management) = (sandbox.url(), sandbox.management_url());
            // Nobody reads: the sandbox is there all the same, and ends with a signal.
            let _ = if terminal.is_json() {
                terminal.json(&json!({ "format": "evbus.sandbox/1", "url": url, "management_url": management,
                    "folder": sandbox.folder() }))
            } else {
                terminal
                    .line(&format!("export EVBUS_URL={url}"))
                    .and_then(|()| terminal.line(&format!("export EVBUS_MANAGEMENT_URL={management}")))
            };
            let _ = terminal.flush();
            terminal.say("Ctrl-C ends it");
        }
    }
}
