//! From the start of the process to its first good answer; memory when idle; size of the program.
//! Promise: the product is started anew for each measurement, on the data that it has; peers report their one start.
//! Not here: the first start with its migrations (the figure of round 1 of a peer is one).

use std::fs;

use super::{Context, PRODUCT, pages, product};
use crate::error::Result;
use crate::figures::{Figures, Metric};
use crate::subject::Subject;

const MIB: f64 = 1024.0 * 1024.0;

/// One start, with at least `items` items in the library.
pub(super) fn measure(subject: &mut Subject, context: &mut Context, items: u64) -> Result<Figures> {
    if subject.name == PRODUCT {
        if items > 0 {
            pages::prepare(subject, context, items)?;
        }
        restart(subject, context)?;
    }
    let mut figures = Figures::default()
        .with(Metric::Ready, subject.ready.as_secs_f64() * 1e3)
        .with(Metric::IdleMemory, subject.idle_mib);
    if let Ok(program) = fs::metadata(format!("/proc/{}/exe", subject.server.pid())) {
        figures = figures.with(Metric::ProgramSize, program.len() as f64 / MIB);
    }
    Ok(figures)
}

/// Ends the product and starts it again on the same data.
pub(super) fn restart(subject: &mut Subject, context: &Context) -> Result<()> {
    stop_then(subject, context, || Ok(()))
}

/// Ends the product, does something while its data is nobody's, and starts it again.
pub(super) fn stop_then(
    subject: &mut Subject,
    context: &Context,
    meanwhile: impl FnOnce() -> Result<()>,
) -> Result<()> {
    subject.server.end();
    meanwhile()?;
    let (server, ready, idle_mib) = product::serve(context.settings, &product::data_folder(context.settings))?;
    subject.server = server;
    subject.ready = ready;
    subject.idle_mib = idle_mib;
    subject.renew()
}
