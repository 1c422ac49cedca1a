//! Ctrl-C and SIGTERM: the first one asks for an orderly stop, a second one leaves at once.

use tokio::sync::watch;

use crate::exit::Exit;

/// Tells whoever holds it that the operator wants to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Interrupt {
    raised: watch::Receiver<bool>,
}

impl Interrupt {
    /// Listens for SIGINT, SIGTERM and SIGHUP from now on. Needs a running tokio runtime.
    ///
    /// # Errors
    /// When the process may not install signal handlers.
    pub fn listen() -> std::io::Result<Interrupt> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut int = signal(SignalKind::interrupt())?;
        let mut term = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let (raise, raised) = watch::channel(false);
        tokio::spawn(async move {
            let mut before = false;
            loop {
                tokio::select! { _ = int.recv() => (), _ = term.recv() => (), _ = hangup.recv() => () }
                // A prompt that was open has hidden the cursor; leaving it so would outlive us.
                let terminal = console::Term::stderr();
                if terminal.is_term() {
                    let _ = terminal.show_cursor();
                }
                if before {
                    std::process::exit(Exit::Interrupted.code().into());
                }
                before = true;
                raise.send_replace(true);
            }
        });
        Ok(Interrupt { raised })
    }

    /// One that never comes, for code that runs outside a terminal.
    #[must_use]
    pub fn never() -> Interrupt {
        Interrupt { raised: watch::channel(false).1 }
    }

    /// Whether the first signal has come.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        *self.raised.borrow()
    }

    /// Returns when the first signal comes; at once if it has come already.
    pub async fn raised(&self) {
        let mut raised = self.raised.clone();
        if raised.wait_for(|raised| *raised).await.is_err() {
            // The sender lives as long as the runtime; without one no signal can come any more.
            std::future::pending::<()>().await;
        }
    }
}
