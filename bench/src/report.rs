//! Results of a run: kept row by row, written as JSON lines at once and as Markdown at the end.
//! Promise: medians with their range; a figure with a wrong answer behind it is shown as such and counts nowhere.
//! Not here: what is good enough (`targets`).

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::error::{Doing, Result};
use crate::figures::{Figures, Metric, spread};

/// One measurement of one subject in one round.
pub(crate) struct Row {
    /// From 0.
    pub(crate) round: usize,
    /// The scenario's name.
    pub(crate) scenario: String,
    /// The subject's name.
    pub(crate) subject: &'static str,
    /// What it gave, or why nothing.
    pub(crate) outcome: std::result::Result<Figures, String>,
}

impl Row {
    /// The row as one line of JSON.
    pub(crate) fn json(&self) -> Value {
        let mut line = Map::new();
        line.insert("round".to_owned(), json!(self.round));
        line.insert("scenario".to_owned(), json!(self.scenario));
        line.insert("subject".to_owned(), json!(self.subject));
        match &self.outcome {
            Ok(figures) => {
                for metric in Metric::ALL {
                    if let Some(value) = figures.get(metric) {
                        line.insert(metric.key().to_owned(), json!(value));
                    }
                }
                if !figures.wrong.is_empty() {
                    let wrong: Map<String, Value> =
                        figures.wrong.iter().map(|(status, count)| (status.to_string(), json!(count))).collect();
                    line.insert("wrong".to_owned(), Value::Object(wrong));
                    line.insert("reason".to_owned(), json!(figures.reason));
                }
            }
            Err(reason) => {
                line.insert("missing".to_owned(), json!(reason));
            }
        }
        Value::Object(line)
    }
}

/// All rows so far, and the file that they are appended to.
pub(crate) struct Results {
    rows: Vec<Row>,
    lines: Option<File>,
}

impl Results {
    /// Begins a file of JSON lines at `path`.
    pub(crate) fn create(path: &Path) -> Result<Results> {
        let lines = File::create(path).doing(|| format!("creating {}", path.display()))?;
        Ok(Results { rows: Vec::new(), lines: Some(lines) })
    }

    /// Keeps a row and writes its line.
    pub(crate) fn add(&mut self, row: Row) -> Result<()> {
        if let Some(lines) = &mut self.lines {
            writeln!(lines, "{}", row.json()).doing(|| "writing a result".to_owned())?;
        }
        self.rows.push(row);
        Ok(())
    }

    /// A figure of one round; `None` where it was not taken or wrong answers spoil it.
    pub(crate) fn value(&self, round: usize, scenario: &str, subject: &str, metric: Metric) -> Option<f64> {
        let row =
            self.rows.iter().find(|row| row.round == round && row.scenario == scenario && row.subject == subject)?;
        row.outcome.as_ref().ok().filter(|figures| figures.wrong.is_empty())?.get(metric)
    }

    /// How many rounds there are.
    pub(crate) fn rounds(&self) -> usize {
        self.rows.iter().map(|row| row.round + 1).max().unwrap_or(0)
    }

    /// One table for each scenario.
    pub(crate) fn tables(&self) -> String {
        let mut text = String::new();
        let mut done: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !done.contains(&row.scenario.as_str()) {
                done.push(&row.scenario);
                self.table(&mut text, &row.scenario);
            }
        }
        text
    }

    fn table(&self, text: &mut String, scenario: &str) {
        let rows: Vec<&Row> = self.rows.iter().filter(|row| row.scenario == scenario).collect();
        let has = |metric: &Metric| {
            rows.iter().any(|row| row.outcome.as_ref().is_ok_and(|figures| figures.get(*metric).is_some()))
        };
        let columns: Vec<Metric> = Metric::ALL.into_iter().filter(has).collect();
        let mut subjects: Vec<&'static str> = Vec::new();
        for row in &rows {
            if !subjects.contains(&row.subject) {
                subjects.push(row.subject);
            }
        }
        // The order of rounds alternates; the product comes first all the same.
        subjects.sort_by_key(|subject| *subject != crate::scenarios::PRODUCT);
        let titles: Vec<&str> = columns.iter().map(|metric| metric.title()).collect();
        let _ = writeln!(text, "\n### {scenario}\n\n| subject | {} |", titles.join(" | "));
        let _ = writeln!(text, "| --- {}|", "| ---: ".repeat(columns.len()));
        for subject in subjects {
            let own: Vec<&Row> = rows.iter().copied().filter(|row| row.subject == subject).collect();
            let cells: Vec<String> = columns.iter().map(|metric| cell(&own, *metric)).collect();
            let _ = writeln!(text, "| {subject} | {} |{}", cells.join(" | "), remark(&own));
        }
    }
}

fn cell(rows: &[&Row], metric: Metric) -> String {
    let values = rows.iter().filter_map(|row| row.outcome.as_ref().ok()?.get(metric));
    match spread(values) {
        None => "-".to_owned(),
        Some(one) if rows.len() < 2 => number(one.median),
        Some(all) => format!("{} ({} to {})", number(all.median), number(all.low), number(all.high)),
    }
}

/// What a reader must know of a row besides its figures.
fn remark(rows: &[&Row]) -> String {
    let mut text = String::new();
    for row in rows {
        match &row.outcome {
            Err(reason) => {
                let _ = write!(text, " not run: {reason}.");
            }
            Ok(figures) if !figures.wrong.is_empty() => {
                let reason = figures.reason.as_deref().unwrap_or_default();
                let _ = write!(text, " WRONG ANSWERS {:?}: {reason}.", figures.wrong);
            }
            Ok(_) => continue,
        }
        break;
    }
    text.replace(['\r', '\n'], " ")
}

/// A value with three significant digits or none after the point, thousands set apart.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.095 || size == 0.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Results with these rates, all of round 0.
    pub(crate) fn rates(values: &[(&str, &'static str, f64)]) -> Results {
        let rows = values
            .iter()
            .map(|(scenario, subject, rate)| Row {
                round: 0,
                scenario: (*scenario).to_owned(),
                subject,
                outcome: Ok(Figures::default().with(Metric::Rate, *rate)),
            })
            .collect();
        Results { rows, lines: None }
    }

    #[test]
    fn numbers_are_short_and_grouped() {
        for (value, text) in [
            (0.0, "0.00"),
            (0.0123, "0.012"),
            (1.5, "1.50"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1_234_567.0, "1 234 567"),
            (-1_234.0, "-1 234"),
            (999.6, "1 000"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn wrong_answers_spoil_a_figure() {
        let mut results = rates(&[("s", "product", 5.0)]);
        assert_eq!(results.value(0, "s", "product", Metric::Rate), Some(5.0));
        if let Some(Row { outcome: Ok(figures), .. }) = results.rows.first_mut() {
            figures.wrong = BTreeMap::from([(500, 1)]);
        }
        assert_eq!(results.value(0, "s", "product", Metric::Rate), None);
        assert!(results.tables().contains("WRONG ANSWERS {500: 1}"));
    }

    #[test]
    fn tables_show_median_and_range_of_the_rounds() {
        let mut results = rates(&[("s", "nginx", 5.0), ("s", "product", 1.0)]);
        for (round, rate) in [(1, 3.0), (2, 8.0)] {
            let outcome = Ok(Figures::default().with(Metric::Rate, rate));
            results.add(Row { round, scenario: "s".to_owned(), subject: "product", outcome }).unwrap();
        }
        let expected =
            "\n### s\n\n| subject | per s |\n| --- | ---: |\n| product | 3.00 (1.00 to 8.00) |\n| nginx | 5.00 |\n";
        assert_eq!(results.tables(), expected);
        assert_eq!(results.rounds(), 3);
    }
}
