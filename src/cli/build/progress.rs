//! How far embedding has come: a bar for a person who watches, a line now and then for a log.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Often enough to see that it is alive, rarely enough to keep a log readable.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows progress on standard error.
pub(super) struct Progress<'a> {
    sink: Sink<'a>,
    total: usize,
    done: usize,
    begun: Instant,
    last_line: Instant,
}

enum Sink<'a> {
    Bar(ProgressBar),
    Lines(Box<dyn Write + 'a>),
}

impl<'a> Progress<'a> {
    /// A bar when standard error is a terminal, lines otherwise.
    pub(super) fn on_stderr() -> Self {
        if io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("embedding {bar:30} {pos} of {len} texts, {per_sec}, {eta} left");
            bar.set_style(style.expect("the template is well-formed"));
            return Self::with(Sink::Bar(bar));
        }
        Self::with(Sink::Lines(Box::new(io::stderr())))
    }

    /// Lines to a writer.
    #[cfg(test)]
    pub(super) fn plain(writer: &'a mut dyn Write) -> Self {
        Self::with(Sink::Lines(Box::new(writer)))
    }

    fn with(sink: Sink<'a>) -> Self {
        let now = Instant::now();
        Self { sink, total: 0, done: 0, begun: now, last_line: now }
    }

    /// `total` texts will be embedded, beside `cached` that were embedded before.
    pub(super) fn begin(&mut self, total: usize, cached: usize) {
        let now = Instant::now();
        (self.total, self.done, self.begun, self.last_line) = (total, 0, now, now);
        if cached > 0 {
            self.note(&format!("{cached} texts were embedded before"));
        }
        match &mut self.sink {
            Sink::Bar(bar) => {
                bar.reset();
                bar.set_length(total as u64);
            }
            Sink::Lines(writer) if total > 0 => say(writer, &format!("embedding {total} texts")),
            Sink::Lines(_) => {}
        }
    }

    /// `texts` more are done.
    pub(super) fn advance(&mut self, texts: usize) {
        self.done += texts;
        match &mut self.sink {
            Sink::Bar(bar) => bar.inc(texts as u64),
            Sink::Lines(writer) if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                let per_second = rate(self.done, self.begun.elapsed());
                let left = (self.total - self.done) as f64 / per_second;
                let line = format!(
                    "embedded {} of {} texts, {per_second:.1} texts/s, {left:.0} s left",
                    self.done, self.total
                );
                say(writer, &line);
            }
            Sink::Lines(_) => {}
        }
    }

    /// Says something without disturbing the bar.
    pub(super) fn note(&mut self, text: &str) {
        match &mut self.sink {
            Sink::Bar(bar) => bar.suspend(|| say(&mut io::stderr(), text)),
            Sink::Lines(writer) => say(writer, text),
        }
    }

    /// Leaves a line of figures behind.
    pub(super) fn end(&mut self) {
        if let Sink::Bar(bar) = &self.sink {
            bar.finish_and_clear();
        }
        if self.done > 0 {
            let elapsed = self.begun.elapsed();
            let per_second = rate(self.done, elapsed);
            self.note(&format!(
                "embedded {} texts in {:.1} s, {per_second:.1} texts/s",
                self.done,
                elapsed.as_secs_f64()
            ));
        }
    }
}

/// Texts per second.
pub(super) fn rate(texts: usize, elapsed: Duration) -> f64 {
    texts as f64 / elapsed.as_secs_f64().max(1e-9)
}

/// Talk that nobody can hear is no failure.
fn say(writer: &mut dyn Write, line: &str) {
    let _ = writeln!(writer, "{line}");
}
