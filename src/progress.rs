//! Progress on stderr: a bar on a terminal, a plain line for each step elsewhere, since a
//! pipeline that hears nothing for long is killed.

use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::settings::Settings;
use crate::wording;

/// The progress of a command with a known number of steps.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
}

impl Progress {
    /// Starts the progress of `steps` things.
    pub fn start(settings: &Settings, things: &'static str, steps: usize) -> Self {
        if !settings.progress_bars || steps == 0 {
            return Self { bar: None, lines: !settings.quiet };
        }
        let bar = ProgressBar::new(steps as u64);
        let template = format!("{{spinner}} {{pos}}/{{len}} {things} [{{elapsed}}] {{wide_msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar: Some(bar), lines: false }
    }

    /// Says what is being done now.
    fn begin(&self, step: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(step.to_owned());
        }
    }

    /// Waits for a step; where no bar is drawn, a line every half minute says that it goes on.
    pub async fn during<T>(&self, step: &str, work: impl Future<Output = T>) -> T {
        const HEARTBEAT: Duration = Duration::from_secs(30);
        self.begin(step);
        let mut work = std::pin::pin!(work);
        let started = Instant::now();
        loop {
            match tokio::time::timeout(HEARTBEAT, &mut work).await {
                Ok(done) => return done,
                Err(_elapsed) if self.lines => {
                    let so_far = wording::duration(started.elapsed());
                    // Nobody listening is no reason to stop.
                    let _ = writeln!(std::io::stderr(), "{step}: at work for {so_far}");
                }
                Err(_elapsed) => {}
            }
        }
    }

    /// Says that a step was done, and how long it took.
    pub fn done(&self, step: &str, took: Duration) {
        match &self.bar {
            Some(bar) => bar.inc(1),
            None if self.lines => {
                // Nobody listening is no reason to stop.
                let _ = writeln!(std::io::stderr(), "{step}: {}", wording::duration(took));
            }
            None => {}
        }
    }

    /// Moves the bar on by a step of which nothing is to be said.
    pub fn step(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
