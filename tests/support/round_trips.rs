//! Counts round trips: stands between the program and the server on a socket of its own, and
//! notes each time that the program speaks after the server did.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use tempfile::TempDir;

use super::database::TestDatabase;
use super::server;

/// A way to the server on which round trips are counted.
#[derive(Debug)]
pub(crate) struct Counting {
    folder: TempDir,
    count: Arc<AtomicUsize>,
}

impl Counting {
    /// Starts to listen.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432"));
        let listener = listener.expect("a socket can be made");
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = UnixStream::connect(server::socket_file());
                join(client, server.expect("the server listens"), &counted);
            }
        });
        Self { folder, count }
    }

    /// Returns the URL of a database on this way.
    pub(crate) fn url(&self, database: &TestDatabase) -> String {
        let folder = self.folder.path().display();
        format!("postgresql://postgres@/{}?host={folder}&port=5432", database.name())
    }

    /// Returns how often the program has spoken and waited for an answer, all connections
    /// together.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// Passes on what both say until one of them hangs up.
fn join(client: UnixStream, server: UnixStream, count: &Arc<AtomicUsize>) {
    let was_answered = Arc::new(AtomicBool::new(true));
    let (answered, count) = (Arc::clone(&was_answered), Arc::clone(count));
    let clones = (client.try_clone(), server.try_clone());
    let (Ok(client_end), Ok(server_end)) = clones else { panic!("no descriptors are left") };
    thread::spawn(move || {
        pass_on(client_end, server_end, || {
            if answered.swap(false, Ordering::SeqCst) {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
    });
    thread::spawn(move || pass_on(server, client, || was_answered.store(true, Ordering::SeqCst)));
}

fn pass_on(mut from: UnixStream, mut to: UnixStream, mut note: impl FnMut()) {
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        note();
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}
