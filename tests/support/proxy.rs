//! Stands between the program and the server, and cuts their connections when a test wants
//! it: at once, or exactly at a commit.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tempfile::TempDir;

/// What becomes of the connection whose client sends `COMMIT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtCommit {
    /// It gets there, and its answer gets back.
    Pass,
    /// It never gets there, and both ends see the connection end.
    LoseIt,
    /// It gets there; the client sees the connection end before the answer.
    LoseTheAnswer,
    /// It never gets there, and both ends see an open connection that is silent.
    HoldIt,
    /// It gets there; the client waits for an answer that never comes.
    HoldTheAnswer,
}

/// A proxy, with the connections through it; they end when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    folder: TempDir,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: PathBuf,
    at_commit: Mutex<AtCommit>,
    /// Both ends of every connection.
    open: Mutex<Vec<UnixStream>>,
    is_closed: Mutex<bool>,
}

impl Proxy {
    /// Starts one in front of the server whose socket lies in a folder.
    pub(crate) fn before(server: PathBuf) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let listener =
            UnixListener::bind(folder.path().join(SOCKET)).expect("a socket can be made there");
        let shared = Arc::new(Shared {
            server: server.join(SOCKET),
            at_commit: Mutex::new(AtCommit::Pass),
            open: Mutex::new(Vec::new()),
            is_closed: Mutex::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                accepting.connect(client);
            }
        });
        Self { folder, shared }
    }

    /// Returns a URL of the server as one that leads through the proxy.
    pub(crate) fn through(&self, url: &str) -> String {
        let (rest, folder) = url.split_once("host=").expect("the server listens on a socket");
        let more = folder.split_once('&').map(|(_, more)| format!("&{more}")).unwrap_or_default();
        format!("{rest}host={}{more}", self.folder.path().display())
    }

    /// Says what becomes of the commits from now on.
    pub(crate) fn at_commit(&self, what: AtCommit) {
        *lock(&self.shared.at_commit) = what;
    }

    /// Ends every connection through it; with `for_good` nobody gets through any more.
    pub(crate) fn cut(&self, for_good: bool) {
        *lock(&self.shared.is_closed) = for_good;
        for end in lock(&self.shared.open).drain(..) {
            // It may have ended by itself.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut(true);
    }
}

const SOCKET: &str = ".s.PGSQL.5432";

impl Shared {
    fn connect(self: &Arc<Self>, client: UnixStream) {
        if *lock(&self.is_closed) {
            return;
        }
        let Ok(server) = UnixStream::connect(&self.server) else { return };
        let again = |end: &UnixStream| end.try_clone().expect("a socket can be shared");
        lock(&self.open).extend([again(&client), again(&server)]);
        let is_silent = Arc::new(Mutex::new(false));
        let (up, down) = (Arc::clone(self), Arc::clone(&is_silent));
        let (from, to) = (again(&client), again(&server));
        thread::spawn(move || up.pass_on(from, to, &is_silent));
        thread::spawn(move || answer(server, client, &down));
    }

    /// Passes the client's messages on, one by one, and acts when a commit comes.
    fn pass_on(&self, mut client: UnixStream, mut server: UnixStream, is_silent: &Mutex<bool>) {
        let mut is_first = true;
        while let Some(message) = read_message(&mut client, is_first) {
            is_first = false;
            let what = if is_commit(&message) { *lock(&self.at_commit) } else { AtCommit::Pass };
            match what {
                AtCommit::Pass => {}
                AtCommit::LoseIt => break,
                AtCommit::HoldIt => continue,
                AtCommit::HoldTheAnswer | AtCommit::LoseTheAnswer => *lock(is_silent) = true,
            }
            if server.write_all(&message).is_err() {
                break;
            }
            if what == AtCommit::LoseTheAnswer {
                let _ = client.shutdown(Shutdown::Both);
                // The server answers, and sees the end of the connection only then.
                return;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }
}

/// Passes the server's answers on; of a silent connection they are lost.
fn answer(mut server: UnixStream, mut client: UnixStream, is_silent: &Mutex<bool>) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(read @ 1..) = server.read(&mut bytes) {
        if !*lock(is_silent) && client.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    if !*lock(is_silent) {
        let _ = client.shutdown(Shutdown::Both);
    }
    let _ = server.shutdown(Shutdown::Both);
}

/// Reads one message: its type, which the first one of a connection has not, its length,
/// and the rest.
fn read_message(from: &mut UnixStream, is_first: bool) -> Option<Vec<u8>> {
    let head = if is_first { 4 } else { 5 };
    let mut message = vec![0; head];
    from.read_exact(&mut message).ok()?;
    let length: [u8; 4] = message[head - 4..].try_into().ok()?;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    message.resize(head + length.checked_sub(4)?, 0);
    from.read_exact(&mut message[head..]).ok()?;
    Some(message)
}

fn is_commit(message: &[u8]) -> bool {
    message.first() == Some(&b'Q') && message[5..].starts_with(b"COMMIT")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
