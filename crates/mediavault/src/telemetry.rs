//! Log lines: what is logged, how a line looks, and where it goes (stderr, so that stdout stays for command output).
//! Promises: one event is one line, whatever text users put into it; times are RFC 3339 in UTC; a reader of the log that
//! stands still never holds up the server. Not here: what is worth a line (each crate), access lines (`http`, target
//! `access`), metrics.

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{Format as LineFormat, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::log_json::JsonLine;
use crate::log_writer::{self, LogThread, LogWriter};

/// The `log.*` settings.
#[derive(Clone, Debug)]
pub struct Log {
    /// How lines look; none means by where they go: text on a terminal, else JSON.
    pub format: Option<Format>,
    /// Which events are logged.
    pub level: Targets,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Time, level, spans, target, message, fields.
    Text,
    /// One JSON object with `timestamp`, `level`, `target`, `message`, the fields, and `spans`.
    Json,
}

/// `log.level` is not a list of levels and `target=level` pairs.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a level, nor several such as info,mv_http=debug")]
pub struct NotALevel;

/// Reads `log.level`: one level for all (else `info`), and levels for targets by the beginning of their name.
/// Stricter than the library's own reading, which takes a mistyped level for a target to be traced.
pub fn parse_level(text: &str) -> Result<Targets, NotALevel> {
    let level = |word: &str| match word.trim().to_ascii_lowercase().as_str() {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(NotALevel),
    };
    let mut targets = Targets::new().with_default(LevelFilter::INFO);
    for directive in text.split(',') {
        targets = match directive.split_once('=') {
            None => targets.with_default(level(directive)?),
            Some((target, word)) if is_target(target.trim()) => {
                targets.with_target(target.trim().to_owned(), level(word)?)
            }
            Some(_) => return Err(NotALevel),
        };
    }
    Ok(targets)
}

fn is_target(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | ':' | '.'))
}

/// Keeps logging alive; dropping it writes what is still waiting (for at most about a second).
pub struct Telemetry {
    writer: LogWriter,
    _thread: LogThread,
}

impl Telemetry {
    /// Lines dropped so far because the log's reader did not keep up.
    pub fn lost_lines(&self) -> usize {
        self.writer.lost()
    }
}

/// Starts logging to stderr for the whole process, panics included. Fails if the process logs already.
///
/// A thread of its own writes. When it falls behind by some megabytes, lines are dropped and counted: blocking instead
/// would let a stuck pipe stop every request. What must not be lost is in the database.
pub fn start(log: &Log) -> Result<Telemetry, Box<dyn Error + Send + Sync>> {
    let format = log.format.unwrap_or(if io::stderr().is_terminal() { Format::Text } else { Format::Json });
    let (writer, thread) = log_writer::start(io::stderr())?;
    subscriber(log.level.clone(), format, writer.clone()).try_init()?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(Telemetry { writer, _thread: thread })
}

fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    // Captured only where RUST_BACKTRACE asks for it.
    let backtrace = std::backtrace::Backtrace::capture();
    let backtrace = (backtrace.status() == std::backtrace::BacktraceStatus::Captured).then(|| backtrace.to_string());
    let reason = panic.payload_as_str().unwrap_or("no reason given");
    tracing::error!(place, backtrace, "panic at {place}: {reason}");
}

fn subscriber<W>(level: Targets, format: Format, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        Format::Text => Box::new(layer.event_format(OneLine(LineFormat::default().with_ansi(false)))),
        Format::Json => Box::new(layer.fmt_fields(JsonFields::new()).event_format(JsonLine)),
    };
    tracing_subscriber::registry().with(layer.with_filter(level))
}

/// Escapes what could end the line, move the cursor, or reorder it on a screen. The library escapes some control
/// characters of some fields in the text format, but lets line ends through.
struct OneLine<F>(F);

impl<S, N, F> FormatEvent<S, N> for OneLine<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        escape(&mut writer, line.strip_suffix('\n').unwrap_or(&line))?;
        writer.write_char('\n')
    }
}

/// In JSON the characters escaped here only occur inside strings, and the escapes are JSON's.
pub(crate) fn escape(writer: &mut impl fmt::Write, line: &str) -> fmt::Result {
    // Nearly every line is visible ASCII.
    if line.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return writer.write_str(line);
    }
    let mut rest = line;
    while let Some(position) = rest.find(is_unsafe) {
        let (plain, tail) = rest.split_at(position);
        writer.write_str(plain)?;
        let mut letters = tail.chars();
        if let Some(letter) = letters.next() {
            escape_letter(writer, letter)?;
        }
        rest = letters.as_str();
    }
    writer.write_str(rest)
}

/// The escape of an unsafe letter; all of them have four hexadecimal digits.
pub(crate) fn escape_letter(writer: &mut impl fmt::Write, letter: char) -> fmt::Result {
    match letter {
        '\n' => writer.write_str("\\n"),
        '\r' => writer.write_str("\\r"),
        '\t' => writer.write_str("\\t"),
        letter => write!(writer, "\\u{:04x}", u32::from(letter)),
    }
}

/// Control characters, Unicode's line ends, and the marks that change the direction of writing (Unicode UTR 36, 3.2).
pub(crate) fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: &str, format: Format, events: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber = subscriber(parse_level(level).unwrap(), format, move || writer.clone());
        tracing::subscriber::with_default(subscriber, events);
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    const NASTY: &str = "a\r\n2026-01-01T00:00:00Z ERROR forged\x1b[31m\u{9b}2J\u{85}\u{2028}\u{202e}\0\u{7f}\tb";

    #[test]
    fn text_cannot_be_forged() {
        let page = logged("info", Format::Text, || {
            let span = tracing::info_span!("request", agent = NASTY, path = %NASTY);
            let _entered = span.enter();
            tracing::info!(plain = NASTY, shown = %NASTY, debug = ?NASTY, "message {NASTY}");
            tracing::warn!("{NASTY}");
        });
        assert_eq!(page.lines().count(), 2, "{page}");
        assert!(!page.replace('\n', "").contains(is_unsafe), "{page:?}");
        assert!(page.contains("message a\\r\\n2026"), "{page}");
    }

    #[test]
    fn json_cannot_be_forged_and_keeps_the_text() {
        let page = logged("info", Format::Json, || {
            let span = tracing::info_span!("request", request_id = "req_1", agent = %NASTY);
            let _entered = span.enter();
            tracing::info!(media.id = "media_1", size_bytes = 7, shown = %NASTY, "stored {NASTY}");
        });
        assert_eq!(page.matches('\n').count(), 1, "{page}");
        assert!(!page.trim_end().contains(is_unsafe), "{page:?}");
        let line: serde_json::Value = serde_json::from_str(&page).unwrap();
        assert_eq!(line["message"], format!("stored {NASTY}"));
        assert_eq!(line["shown"], NASTY);
        assert_eq!(line["media.id"], "media_1");
        assert_eq!(line["size_bytes"], 7);
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["target"], "mediavault::telemetry::tests");
        assert_eq!(line["spans"][0]["request_id"], "req_1");
        assert_eq!(line["spans"][0]["agent"], NASTY);
    }

    #[test]
    fn a_stuck_reader_holds_nobody_up() {
        let (go, stuck) = std::sync::mpsc::channel::<()>();
        struct Stuck(std::sync::mpsc::Receiver<()>);
        impl io::Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (writer, thread) = log_writer::start(Stuck(stuck)).unwrap();
        let subscriber = subscriber(parse_level("info").unwrap(), Format::Json, writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            // Two fillings: one that the stuck write holds, one that waits behind it.
            let text = "x".repeat(1000);
            for number in 0..3 * log_writer::WAITING_BYTES / 1000 {
                tracing::info!(number, text, "line");
            }
        });
        assert!(writer.lost() > 0);
        drop(go);
        drop(thread);
    }

    #[test]
    fn times_are_rfc_3339_in_utc() {
        let text = logged("info", Format::Text, || tracing::info!("x"));
        let json = logged("info", Format::Json, || tracing::info!("x"));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        for time in [text.split(' ').next().unwrap(), json["timestamp"].as_str().unwrap()] {
            assert!(time.ends_with('Z') && mv_core::Timestamp::parse(time).is_some(), "{time}");
        }
    }

    #[test]
    fn levels_hold_for_targets() {
        let events = || {
            tracing::debug!(target: "mv_http::server", "one");
            tracing::debug!(target: "mv_app", "two");
            tracing::info!(target: "mv_app", "three");
            tracing::error!(target: "access", "four");
        };
        for (level, seen) in [
            ("info", "three four"),
            ("INFO", "three four"),
            ("mv_http=debug", "one three four"),
            ("warn, mv_http=debug", "one four"),
            ("debug,access=off", "one two three"),
            ("off", ""),
        ] {
            let page = logged(level, Format::Text, events);
            let words: Vec<_> = page.lines().filter_map(|line| line.rsplit(' ').next()).collect();
            assert_eq!(words.join(" "), seen, "{level}");
        }
    }

    #[test]
    fn mistyped_levels_are_refused() {
        for text in
            ["", "inof", "info,", "mv_http=", "=debug", "mv_http=loud", "mv_http[span]=debug", "3", "info debug"]
        {
            assert_eq!(parse_level(text), Err(NotALevel), "{text}");
        }
    }
}
