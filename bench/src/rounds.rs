//! A whole run: every scenario over its subjects, round after round, each second round in the opposite order.
//! Promise: a subject is started once, when it is first needed; what cannot be had is reported and does not stop the
//! rest; when the run ends, whatever it started has ended and its data is gone.
//! Not here: what a scenario does (`scenarios`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::bare_subject;
use crate::content::Pool;
use crate::error::{Doing, Error, Result};
use crate::figures::Figures;
use crate::machine;
use crate::peers;
use crate::report::{Results, Row};
use crate::scenarios::{BARE, Context, HUB, HUB_TOGETHER, LIMIT, PRODUCT, Scenario, product};
use crate::settings::Settings;
use crate::subject::Subject;
use crate::targets;

/// Which subjects a command is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The machine, and the bare server.
    Limits,
    /// The product.
    Product,
    /// The peers.
    Peers,
    /// All of them.
    All,
}

impl Part {
    fn holds(self, subject: &str) -> bool {
        match self {
            Part::All => true,
            Part::Limits => [LIMIT, BARE, HUB, HUB_TOGETHER].contains(&subject),
            Part::Product => subject == PRODUCT,
            Part::Peers => peers::NAMES.contains(&subject),
        }
    }
}

/// Subjects as they were started, or why not.
type Started = BTreeMap<&'static str, std::result::Result<Subject, String>>;

/// Runs `part` and writes `results.jsonl` and `report.md` into the work folder; the report is also printed.
pub(crate) fn run(part: Part, settings: &Settings) -> Result<()> {
    let data = settings.work.join("data");
    machine::fresh_folder(&data)?;
    let mut results = Results::create(&settings.work.join("results.jsonl"))?;
    eprintln!("preparing {} MiB of incompressible bytes", settings.large_bytes() >> 20);
    let seed = u64::from(std::process::id());
    let pool = Pool::new(settings.large_bytes().max(64 << 20), seed);
    let mut context = Context { settings, pool: &pool, library: None };
    let mut started = Started::new();
    let outcome = Scenario::all(settings.items)
        .into_iter()
        .filter(|scenario| settings.wants_scenario(&scenario.name()))
        .try_for_each(|scenario| rounds_of(scenario, part, &mut context, &mut started, &mut results));
    drop(started);
    fs::remove_dir_all(&data).doing(|| format!("removing {}", data.display()))?;
    outcome?;
    write_report(part, settings, &results)
}

fn rounds_of(
    scenario: Scenario,
    part: Part,
    context: &mut Context,
    started: &mut Started,
    results: &mut Results,
) -> Result<()> {
    let settings = context.settings;
    let mut subjects: Vec<&'static str> = scenario
        .subjects()
        .into_iter()
        .filter(|subject| part.holds(subject) && settings.wants_subject(subject))
        .collect();
    for round in 0..settings.rounds.max(1) {
        for subject in &subjects {
            let outcome = one(scenario, subject, context, started).map_err(|error| error.to_string());
            let row = Row { round, scenario: scenario.name(), subject, outcome };
            eprintln!("{}", row.json());
            results.add(row)?;
        }
        subjects.reverse();
    }
    Ok(())
}

fn one(scenario: Scenario, name: &'static str, context: &mut Context, started: &mut Started) -> Result<Figures> {
    if let Scenario::Limit(limit) = scenario {
        return crate::limits::measure(limit, context.settings, context.pool);
    }
    let subject = started
        .entry(name)
        .or_insert_with(|| start(name, context.settings, context.pool).map_err(|error| error.to_string()));
    match subject {
        Ok(subject) => scenario.measure(subject, context),
        Err(reason) => Err(Error::Missing(reason.clone())),
    }
}

fn start(name: &'static str, settings: &Settings, pool: &Pool) -> Result<Subject> {
    eprintln!("starting {name}");
    match name {
        PRODUCT => product::start(settings),
        BARE => bare_subject::start(settings),
        HUB => bare_subject::start_hub(settings),
        HUB_TOGETHER => bare_subject::start_hub_together(settings),
        peer => peers::start(peer, settings, pool),
    }
}

fn write_report(part: Part, settings: &Settings, results: &Results) -> Result<()> {
    let mut text = format!("# Benchmark report\n\n{}\n", circumstances(settings));
    text += &results.tables();
    if part == Part::All {
        text += &targets::table(results);
    }
    let path = settings.work.join("report.md");
    fs::write(&path, &text).doing(|| format!("writing {}", path.display()))?;
    println!("{text}");
    Ok(())
}

/// What a reader must know to judge the figures.
fn circumstances(settings: &Settings) -> String {
    let read = |path: &str| fs::read_to_string(Path::new(path)).unwrap_or_default();
    let information = read("/proc/cpuinfo");
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!(
        "{} cores ({}), kernel {}, {} round(s) of {} s; client and servers on the same cores over loopback, all caches \
         warm. Large file: {} MiB. Read figures as ratios inside this run: medians (lowest to highest). CPU time is the \
         server's alone. PocketBase has no cursors: its list without the total stands in the row of the deepest page.",
        machine::cores(),
        model.map_or("unknown", |(_, name)| name),
        read("/proc/sys/kernel/osrelease").trim(),
        settings.rounds.max(1),
        settings.measured().as_secs_f64(),
        settings.large_bytes() >> 20,
    )
}
