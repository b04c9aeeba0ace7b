//! The server that the tests run on: the one of `scripts/pg MAJOR -- …`, else one that this
//! process starts through the same script and that ends with the process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the server is.
#[derive(Debug)]
pub(crate) struct Server {
    /// The URL of its maintenance database, as a superuser.
    pub(crate) url: String,
    /// The script that runs it, when this process started it.
    child: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The end of its input is the end of the server.
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

/// Returns the server.
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| match std::env::var("DRIFTGATE_TEST_SERVER") {
        Ok(url) if !url.is_empty() => Server { url, child: None },
        _ => own(),
    })
}

/// Returns the URL of a database of the server, as a role that needs no password.
pub(crate) fn url_of(database: &str, role: &str) -> String {
    let (place, query) = place_and_query();
    let host = place.split_once('/').map_or(place, |(authority, _)| authority);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("postgresql://{role}@{host}/{database}?{query}")
}

/// Returns the folder of the server's socket.
pub(crate) fn socket_folder() -> PathBuf {
    PathBuf::from(parameter("host").expect("the server listens on a socket"))
}

/// Returns the server's socket.
pub(crate) fn socket_file() -> PathBuf {
    socket_folder().join(format!(".s.PGSQL.{}", parameter("port").unwrap_or("5432")))
}

fn parameter(name: &str) -> Option<&'static str> {
    let pairs = place_and_query().1.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
}

fn place_and_query() -> (&'static str, &'static str) {
    let (_, rest) = server().url.split_once("://").expect(NO_URL);
    rest.split_once('?').unwrap_or((rest, ""))
}

const NO_URL: &str = "DRIFTGATE_TEST_SERVER is a URL; run the tests with scripts/test";

/// Starts a server that nobody else uses; it ends when its input does: when it is dropped,
/// and at the latest when this process ends. Of the major under test where one is.
pub(crate) fn own() -> Server {
    own_with(&[])
}

/// Starts a server like [`own`], with settings as `NAME=VALUE`.
pub(crate) fn own_with(settings: &[&str]) -> Server {
    let major = std::env::var("DRIFTGATE_TEST_MAJOR").unwrap_or_else(|_| "system".to_owned());
    let mut child = Command::new(repository().join("scripts/pg"))
        .args(settings.iter().flat_map(|setting| ["--set", setting]))
        .arg(major)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("scripts/pg starts; scripts/test runs everything");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout is a pipe"))
        .read_line(&mut line)
        .expect("scripts/pg prints the URL");
    assert!(!line.is_empty(), "scripts/pg could not start a server; run scripts/test");
    Server { url: line.trim().to_owned(), child: Some(child) }
}
