//! IPTC Information Interchange Model 4.2: what agencies wrote before XMP. Datasets of record 2, and the letter code of record 1.

use super::{clean, time};
use crate::found::{Found, FoundTime, TimeSource};

/// Datasets looked at.
const SETS_MAX: usize = 1000;

/// Reads a block of datasets.
pub(super) fn read(block: &[u8]) -> Found {
    let mut found = Found::default();
    let mut utf8 = std::str::from_utf8(block).is_ok();
    let (mut date, mut clock) = (None, None);
    let mut rest = block;
    for _ in 0..SETS_MAX {
        let Some((record, set, value, after)) = dataset(rest) else { break };
        rest = after;
        if (record, set) == (1, 90) {
            utf8 |= value == b"\x1b%G";
        }
        if record != 2 {
            continue;
        }
        let text = if utf8 {
            String::from_utf8_lossy(value).into_owned()
        } else {
            value.iter().map(|byte| char::from(*byte)).collect()
        };
        let Some(text) = clean(&text) else { continue };
        let name = match set {
            5 => "ObjectName",
            25 => "Keywords",
            55 => "DateCreated",
            60 => "TimeCreated",
            80 => "By-line",
            105 => "Headline",
            116 => "CopyrightNotice",
            120 => "Caption-Abstract",
            _ => continue,
        };
        let facts = &mut found.facts;
        match set {
            5 => facts.title = Some(text.clone()),
            25 if !facts.keywords.contains(&text) => facts.keywords.push(text.clone()),
            55 => date = Some(text.clone()),
            60 => clock = Some(text.clone()),
            80 => facts.creator = Some(text.clone()),
            105 => {
                facts.title.get_or_insert_with(|| text.clone());
            }
            116 => facts.copyright = Some(text.clone()),
            120 => facts.caption = Some(text.clone()),
            _ => {}
        }
        let kept = found.raw.entry(format!("IPTC:{name}")).or_default();
        *kept = if kept.is_empty() { text } else { format!("{kept}, {text}") };
    }
    found.taken = date.zip(clock).and_then(|(date, clock)| taken(&date, &clock));
    found
}

/// The dataset at the front: record, number, value, and what follows (section 1.5).
fn dataset(bytes: &[u8]) -> Option<(u8, u8, &[u8], &[u8])> {
    let start = bytes.iter().position(|byte| *byte == 0x1C)?;
    let [_, record, set, high, low] = *bytes.get(start..)?.first_chunk::<5>()?;
    // Extended lengths are of no dataset that is read here.
    let length = usize::from(u16::from_be_bytes([high, low]));
    let from = start.checked_add(5)?;
    let to = from.checked_add(length)?;
    (high < 0x80).then_some((record, set, bytes.get(from..to)?, bytes.get(to..)?))
}

/// `20190721` and `230638+0200`.
fn taken(date: &str, clock: &str) -> Option<FoundTime> {
    let part = |text: &str, from: usize, to: usize| text.get(from..to).map(str::to_owned);
    let (year, month, day) = (part(date, 0, 4)?, part(date, 4, 6)?, part(date, 6, 8)?);
    let (hour, minute, second) = (part(clock, 0, 2)?, part(clock, 2, 4)?, part(clock, 4, 6)?);
    let local_micros = time::local(&format!("{year}:{month}:{day} {hour}:{minute}:{second}"), None)?;
    let offset_seconds = clock.get(6..).and_then(time::offset);
    Some(FoundTime { local_micros, offset_seconds, source: TimeSource::Exif })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(record: u8, number: u8, value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x1C, record, number];
        bytes.extend((value.len() as u16).to_be_bytes());
        bytes.extend(value);
        bytes
    }

    #[test]
    fn datasets_in_either_letter_code() {
        let block =
            [set(2, 25, b"lake"), set(2, 25, b"sum\xe9"), set(2, 55, b"20190721"), set(2, 60, b"230638+0200")].concat();
        let found = read(&block);
        assert_eq!(found.facts.keywords, ["lake", "sumé"]);
        assert_eq!(found.taken.unwrap().offset_seconds, Some(7200));
        let found = read(&[set(1, 90, b"\x1b%G"), set(2, 120, "Zürich".as_bytes())].concat());
        assert_eq!(found.facts.caption.as_deref(), Some("Zürich"));
        for length in 0..block.len() {
            read(&block[..length]);
        }
    }
}
