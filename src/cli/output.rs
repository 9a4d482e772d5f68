//! What commands show while they work and when they are done: progress for people, silence for pipes.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Steps of a long command: a spinner or bar on a terminal, nothing in a pipe; and how long each took.
pub struct Steps {
    is_shown: bool,
    bar: ProgressBar,
    name: &'static str,
    started: Instant,
    seconds: Vec<(&'static str, f64)>,
}

impl Steps {
    /// Nothing started yet.
    pub fn new() -> Self {
        let is_shown = std::io::stderr().is_terminal();
        let bar = ProgressBar::hidden();
        Self {
            is_shown,
            bar,
            name: "",
            started: Instant::now(),
            seconds: Vec::new(),
        }
    }

    /// Ends the step before and starts the next; `total` of 0 is "unknown".
    pub fn start(&mut self, name: &'static str, total: u64) {
        self.end();
        self.name = name;
        self.started = Instant::now();
        if !self.is_shown {
            return;
        }
        let (bar, template) = match total {
            0 => (ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}"),
            _ => (
                ProgressBar::new(total),
                "{msg:24} {bar:32} {human_pos}/{human_len} {eta}",
            ),
        };
        let style =
            ProgressStyle::with_template(template).expect("a constant template that parses");
        self.bar = bar.with_style(style).with_message(name);
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    /// Moves the bar of the current step.
    pub fn set(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// Ends the current step.
    pub fn end(&mut self) {
        self.bar.finish_and_clear();
        if !self.name.is_empty() {
            self.seconds
                .push((self.name, self.started.elapsed().as_secs_f64()));
            self.name = "";
        }
    }

    /// Every ended step with its seconds.
    pub fn seconds(&self) -> &[(&'static str, f64)] {
        &self.seconds
    }
}

/// Prints a value as JSON.
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
