//! A database that cannot be reached: exit 3, the target named, and never its password.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::support::server::{socket_folder, url_of};
use crate::support::{Project, Run, driftgate};

/// A password with what URLs and messages trip over; and as a URL writes it.
const PASSWORD: &str = "s3cr@t%p:w/d";
const ENCODED: &str = "s3cr%40t%25p%3Aw%2Fd";

/// Listens, and answers each connection as told.
fn listener(answer: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream);
        }
    });
    port
}

fn url(port: u16) -> String {
    format!("postgresql://app:{ENCODED}@127.0.0.1:{port}/db?sslmode=disable")
}

/// Asserts that no form of the password is in what was said.
#[track_caller]
fn assert_no_password(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        for secret in [PASSWORD, ENCODED, "s3cr", "p:w/d", "p%3Aw"] {
            assert!(!text.contains(secret), "{secret} in:\n{}\n{}", run.stdout, run.stderr);
        }
    }
}

/// Runs a command in every way that could make it say more; each must exit 3, name the
/// target and keep the password.
#[track_caller]
fn assert_unreachable(url: &str, target: &str) {
    let project = Project::reference();
    for command in [&["inventory"][..], &["diff-registry"], &["preflight"], &["migrate", "up"]] {
        let start = || driftgate(command).project(&project).args(["--connect-timeout", "500ms"]);
        let runs = [
            start().database(url).run(),
            start().database(url).args(["-vv", "--format", "json"]).run(),
            start()
                .arg("-vv")
                .args(["--database-url", url])
                .env("DRIFTGATE_LOG", "trace")
                .env("RUST_LOG", "trace")
                .run(),
            start().arg(format!("--database-url={url}")).args(["--format", "json"]).run(),
        ];
        for run in runs {
            assert_no_password(&run);
            let run = run.exits(3).says(target);
            assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        }
        let report = start().database(url).json().document();
        assert_eq!((&report["exit_code"], &report["verdict"]), (&3.into(), &"undecided".into()));
        let told = report["failure"].to_string();
        assert!(told.contains(target), "{told}");
    }
}

#[test]
fn nothing_listens() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).expect("a port");
    assert_unreachable(&url(port.port()), &format!("app:***@127.0.0.1:{}/db", port.port()));
}

#[test]
fn there_is_no_such_socket() {
    let url = format!("postgresql://app:{ENCODED}@/db?host=/nowhere/at/all");
    assert_unreachable(&url, "host=/nowhere/at/all");
}

#[test]
fn the_role_does_not_exist() {
    let folder = socket_folder();
    let folder = folder.display();
    let url = format!("postgresql://nobody_here:{ENCODED}@/postgres?host={folder}");
    assert_unreachable(&url, "nobody_here:***@");
    driftgate(["inventory"]).database(&url).run().exits(3).says("28000");
}

#[test]
fn the_database_does_not_exist() {
    let url = url_of("no_such_database", "postgres");
    driftgate(["inventory"]).database(&url).run().exits(3).says("3D000").says("no_such_database");
}

#[test]
fn what_listens_never_answers() {
    let port = listener(std::mem::forget);
    assert_unreachable(&url(port), &format!("app:***@127.0.0.1:{port}/db"));
}

#[test]
fn what_listens_hangs_up_at_once() {
    let port = listener(drop);
    assert_unreachable(&url(port), &format!("app:***@127.0.0.1:{port}/db"));
}

#[test]
fn what_listens_speaks_another_protocol() {
    let port = listener(|mut stream| {
        // It may have hung up already.
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        std::mem::forget(stream);
    });
    assert_unreachable(&url(port), &format!("app:***@127.0.0.1:{port}/db"));
}

#[test]
fn a_server_that_refuses_the_password_and_repeats_it_is_not_quoted() {
    let port = listener(|mut stream| {
        let mut asked = [0; 1024];
        let _ = stream.read(&mut asked);
        let _ = stream.write_all(b"R\0\0\0\x08\0\0\0\x03");
        let _ = stream.read(&mut asked);
        let mut fields = Vec::new();
        for field in ["SFATAL", "C28P01", &format!("Mwrong password {PASSWORD} ({ENCODED})")] {
            fields.extend_from_slice(field.as_bytes());
            fields.push(0);
        }
        fields.push(0);
        let length = u32::try_from(fields.len() + 4).expect("it is short").to_be_bytes();
        let _ = stream.write_all(&[b"E", &length[..], &fields].concat());
    });
    assert_unreachable(&url(port), &format!("app:***@127.0.0.1:{port}/db"));
    driftgate(["inventory"]).database(&url(port)).run().exits(3).says("28P01");
}

#[test]
fn the_password_of_the_environment_stays_there() {
    let port = listener(drop);
    let run = driftgate(["inventory", "-vv"])
        .database(&format!("postgresql://app@127.0.0.1:{port}/db?sslmode=disable"))
        .env("PGPASSWORD", PASSWORD)
        .env("DRIFTGATE_LOG", "trace")
        .run();
    assert_no_password(&run);
    run.exits(3);
}

#[test]
fn the_list_of_processes_never_shows_the_password() {
    for attached in [true, false] {
        // One each: a run may connect more than once.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = url(listener.local_addr().expect("it has an address").port());
        let start = driftgate(["inventory", "--connect-timeout", "60s"]);
        let running = if attached {
            start.arg(format!("--database-url={url}")).start()
        } else {
            start.args(["--database-url", &url]).start()
        };
        let _connection = listener.accept().expect("the program connects");
        let title = std::fs::read(format!("/proc/{}/cmdline", running.id())).expect("it runs");
        let title = String::from_utf8_lossy(&title).into_owned();
        assert!(title.contains("inventory"), "{title}");
        assert!(!title.contains("s3cr"), "{title}");
    }
}

#[test]
fn a_run_that_waits_for_an_answer_ends_on_a_signal() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    let running = driftgate(["inventory", "--connect-timeout", "60s"]).database(&url(port)).start();
    let _connection = listener.accept().expect("the program connects");
    running.signal(rustix::process::Signal::TERM);
    running.wait_within(std::time::Duration::from_secs(30)).exits(143);
}
