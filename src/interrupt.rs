//! Ctrl-C and SIGTERM: the first one asks for an orderly stop, a second one leaves at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::watch;

use crate::exit::Exit;

/// Tells whoever holds it that the operator wants to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Interrupt {
    raised: watch::Receiver<bool>,
    /// Somebody else has the terminal, and Ctrl-C is meant for them.
    aside: Arc<AtomicBool>,
}

/// As long as it is there, Ctrl-C is meant for the program that has the terminal. Other signals are ours all the same.
pub struct Aside(Arc<AtomicBool>);

impl Drop for Aside {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
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
        let aside = Arc::new(AtomicBool::new(false));
        let is_aside = aside.clone();
        tokio::spawn(async move {
            let mut before = false;
            loop {
                tokio::select! {
                    _ = int.recv() => if is_aside.load(Ordering::Relaxed) { continue },
                    _ = term.recv() => (),
                    _ = hangup.recv() => (),
                }
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
        Ok(Interrupt { raised, aside })
    }

    /// Leaves Ctrl-C to a program that gets the terminal for a while.
    #[must_use]
    pub fn aside(&self) -> Aside {
        self.aside.store(true, Ordering::Relaxed);
        Aside(self.aside.clone())
    }

    /// One that never comes, for code that runs outside a terminal.
    #[must_use]
    pub fn never() -> Interrupt {
        Interrupt { raised: watch::channel(false).1, aside: Arc::default() }
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
