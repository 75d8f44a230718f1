//! A log line as one JSON object: `timestamp`, `level`, the event's fields, `target`, and `spans` where there are any.
//! Written by hand since there is one for every request: the library's own format builds each line from serialisers and
//! costs three times as much. Promise: what stands in a string can neither end the line nor move the cursor.
//! Not here: which events are logged and where lines go (`telemetry`).

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::telemetry::{escape, escape_letter, is_unsafe};

/// Formats events; spans' fields are expected as `JsonFields` writes them.
pub(crate) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        writer.write_str("\",\"level\":\"")?;
        writer.write_str(event.metadata().level().as_str())?;
        writer.write_char('"')?;
        let mut members = Members { writer: &mut writer, outcome: Ok(()) };
        event.record(&mut members);
        members.outcome?;
        writer.write_str(",\"target\":\"")?;
        InString(&mut writer).write_str(event.metadata().target())?;
        writer.write_char('"')?;
        let mut before = ",\"spans\":[";
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            writer.write_str(before)?;
            before = ",";
            writer.write_str("{\"name\":\"")?;
            InString(&mut writer).write_str(span.name())?;
            writer.write_char('"')?;
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>().map_or("", |fields| fields.fields.as_str());
            match fields.strip_prefix('{') {
                Some(rest) if rest != "}" => {
                    writer.write_char(',')?;
                    escape(&mut writer, rest)?;
                }
                _ => writer.write_char('}')?,
            }
        }
        writer.write_str(if before == "," { "]}\n" } else { "}\n" })
    }
}

/// Writes fields as members behind others.
struct Members<'w, 'b> {
    writer: &'w mut Writer<'b>,
    outcome: fmt::Result,
}

impl Members<'_, '_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.outcome.is_ok() {
            let name = field.name();
            let named = write_all(self.writer, &[",\"", name.strip_prefix("r#").unwrap_or(name), "\":"]);
            self.outcome = named.and_then(|()| value(self.writer));
        }
    }

    fn string(&mut self, field: &Field, text: impl FnOnce(&mut InString<'_, '_>) -> fmt::Result) {
        self.member(field, |writer| {
            writer.write_char('"')?;
            text(&mut InString(writer))?;
            writer.write_char('"')
        });
    }
}

fn write_all(writer: &mut Writer<'_>, parts: &[&str]) -> fmt::Result {
    parts.iter().try_for_each(|part| writer.write_str(part))
}

impl Visit for Members<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinity.
        self.member(
            field,
            |writer| if value.is_finite() { write!(writer, "{value}") } else { writer.write_str("null") },
        );
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |writer| writer.write_str(if value { "true" } else { "false" }));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.string(field, |text| text.write_str(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.string(field, |text| write!(text, "{value:?}"));
    }
}

/// Escapes what is written for a place inside a JSON string.
struct InString<'w, 'b>(&'w mut Writer<'b>);

impl Write for InString<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly every text is visible ASCII.
        if text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\') {
            return self.0.write_str(text);
        }
        for letter in text.chars() {
            match letter {
                '"' => self.0.write_str("\\\"")?,
                '\\' => self.0.write_str("\\\\")?,
                letter if is_unsafe(letter) => escape_letter(self.0, letter)?,
                letter => self.0.write_char(letter)?,
            }
        }
        Ok(())
    }
}
