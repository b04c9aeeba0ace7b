//! Whether the run was asked to stop: commands that change something see it, end what they
//! have begun, and tell what was done.

use tokio::sync::watch;

use crate::failure::FailureKind;

/// The listening side; clones hear the same.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Option<FailureKind>>);

/// The side of the process, which hears the signals.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Option<FailureKind>>);

/// Makes both sides.
pub fn pair() -> (Stopper, Stop) {
    let (stopper, stop) = watch::channel(None);
    (Stopper(stopper), Stop(stop))
}

impl Stopper {
    /// Asks the run to stop, with the signal that it was asked by.
    pub fn ask(&self, kind: FailureKind) {
        self.0.send_replace(Some(kind));
    }
}

impl Stop {
    /// Returns the signal that the run was asked to stop by; `None`: it was not.
    pub fn asked(&self) -> Option<FailureKind> {
        *self.0.borrow()
    }

    /// Waits until the run is asked to stop.
    pub async fn wait(&mut self) {
        // A process that no longer listens for signals never asks.
        if self.0.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
