//! `lock-status --watch`: looks again and again, until it is told to stop. On a terminal the
//! last look is drawn over the one before; elsewhere each is a block of lines.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use unicode_width::UnicodeWidthStr;

use super::{Looking, outcome, project_facts};
use crate::commands::Context;
use crate::failure::{Failure, FailureKind};
use crate::render::{self, Appearance, Format};
use crate::report::{Data, Outcome, Report};
use crate::wording;

pub(super) async fn run(
    context: &Context,
    looking: &mut Looking,
    pause: Duration,
) -> Result<Outcome, Failure> {
    let mut screen = Screen::of_stdout();
    let mut stop = context.stop.clone();
    loop {
        let looked = tokio::select! {
            looked = look(context, looking) => looked,
            () = stop.wait() => break,
        };
        let said = match looked {
            Ok(report) => said(&report, screen.appearance(context.settings.appearance)),
            // What could not be reached once may be there again.
            Err(failure) if screen.is_used => Ok(format!("{failure}\n")),
            Err(failure) => return Err(failure),
        };
        let every = format!("{}s", pause.as_secs_f64());
        match said.and_then(|said| screen.show(&said, &every)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            Err(error) => {
                return Err(Failure::new(FailureKind::Machine, "could not write what was seen")
                    .cause(error.to_string()));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.wait() => break,
        }
    }
    looking.close().await;
    Ok(Outcome::new(Data::Nothing {}))
}

async fn look(context: &Context, looking: &mut Looking) -> Result<Report, Failure> {
    let started = Instant::now();
    let look = looking.look().await?;
    let project = project_facts(context, looking.registry()).await;
    Ok(Report {
        command: "lock-status".to_owned(),
        run: context.run.clone(),
        duration: started.elapsed(),
        outcome: outcome(looking, look, project),
    })
}

/// Returns a look as text, with the time of the server's clock above.
fn said(report: &Report, appearance: Appearance) -> io::Result<String> {
    let mut text = Vec::new();
    if let Data::LockStatus(rows) = &report.outcome.data {
        writeln!(text, "{}", time(rows.status.read_at))?;
    }
    render::render(report, Format::Human, appearance, &mut text)?;
    if let Some(failure) = &report.outcome.failure {
        writeln!(text, "{failure}")?;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Where the looks are shown.
struct Screen {
    is_terminal: bool,
    is_used: bool,
}

impl Screen {
    fn of_stdout() -> Self {
        Self { is_terminal: io::stdout().is_terminal(), is_used: false }
    }

    /// Returns the appearance at the width that the terminal has now.
    fn appearance(&self, settled: Appearance) -> Appearance {
        match self.size() {
            Some((width, _)) => Appearance { width: width.clamp(40, 200), ..settled },
            None => settled,
        }
    }

    /// Returns columns and rows.
    fn size(&self) -> Option<(usize, usize)> {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok().filter(|_| self.is_terminal)?;
        let (columns, rows) = (usize::from(size.ws_col), usize::from(size.ws_row));
        (columns > 0 && rows > 1).then_some((columns, rows))
    }

    fn show(&mut self, said: &str, every: &str) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        if self.is_terminal {
            out.write_all(if self.is_used { b"\x1b[H" } else { b"\x1b[H\x1b[2J" })?;
            let lines = self.fitting(said, every);
            for line in &lines {
                // What stood there before is longer, or not.
                write!(out, "{line}\x1b[K\r\n")?;
            }
            out.write_all(b"\x1b[J")?;
        } else {
            if self.is_used {
                writeln!(out)?;
            }
            out.write_all(said.as_bytes())?;
        }
        self.is_used = true;
        out.flush()
    }

    /// Returns the lines that the terminal has room for, and how to end it.
    fn fitting(&self, said: &str, every: &str) -> Vec<String> {
        let (columns, rows) = self.size().unwrap_or((usize::MAX, usize::MAX));
        let mut room = rows.saturating_sub(3);
        // A line that is there to be copied may be wider than the terminal.
        let fits = |line: &&str| {
            let taken = line.width().div_ceil(columns).max(1);
            let is_room = taken <= room;
            room = room.saturating_sub(taken);
            is_room
        };
        let mut lines: Vec<String> = said.lines().take_while(fits).map(str::to_owned).collect();
        let left_out = said.lines().count() - lines.len();
        if left_out > 0 {
            lines.push(format!("… and {}", wording::plural(left_out, "more line")));
        }
        lines.push(format!("every {every}; Ctrl-C ends it"));
        lines
    }
}
