//! XMP (ISO 16684-1): the properties that people and cameras write, as attributes or as elements.

use roxmltree::{Document, Node, ParsingOptions};

use super::{clean, time};
use crate::found::{Found, FoundPlace, Motion, Span, TimeSource};

/// The largest packet that is read.
const PACKET_MAX: usize = 1024 * 1024;
/// Elements and texts in it.
const NODES_MAX: u32 = 50_000;

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const DC: &str = "http://purl.org/dc/elements/1.1/";
const XMP: &str = "http://ns.adobe.com/xap/1.0/";
const PHOTOSHOP: &str = "http://ns.adobe.com/photoshop/1.0/";
const EXIF: &str = "http://ns.adobe.com/exif/1.0/";
const AUX: &str = "http://ns.adobe.com/exif/1.0/aux/";
const CAMERA: &str = "http://ns.google.com/photos/1.0/camera/";
const CONTAINER: &str = "http://ns.google.com/photos/1.0/container/";
const ITEM: &str = "http://ns.google.com/photos/1.0/container/item/";
const HDRGM: &str = "http://ns.adobe.com/hdr-gain-map/1.0/";

/// Reads a packet; `None` where it is none. Document types are refused, and with them entities that grow.
pub(super) fn read(packet: &[u8]) -> Option<Found> {
    let packet = packet.get(..packet.len().min(PACKET_MAX))?;
    let text = String::from_utf8_lossy(packet);
    let text = text.trim_matches(['\0', '\u{feff}']).trim_end_matches(|c: char| c != '>');
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).ok()?;
    let packet = Packet(document.descendants().filter(|node| node.has_tag_name((RDF, "Description"))).collect());
    let mut found = Found::default();
    let facts = &mut found.facts;
    facts.keywords = packet.list(DC, "subject");
    facts.caption = packet.words(DC, "description");
    facts.title = packet.words(DC, "title");
    facts.copyright = packet.words(DC, "rights");
    facts.creator = Some(packet.list(DC, "creator").join(", ")).filter(|names| !names.is_empty());
    facts.software = packet.text(XMP, "CreatorTool");
    facts.lens = packet.text(AUX, "Lens").map(|model| mv_core::facts::Device { make: None, model: Some(model) });
    if packet.text(HDRGM, "Version").is_some() {
        facts.image.get_or_insert_default().hdr = Some("ultrahdr".to_owned());
    }
    found.rating = packet.text(XMP, "Rating").and_then(|stars| stars.parse::<f32>().ok()).map(|stars| stars as i8);
    found.rating = found.rating.filter(|stars| (-1..=5).contains(stars));
    let times = [(PHOTOSHOP, "DateCreated"), (EXIF, "DateTimeOriginal"), (XMP, "CreateDate")];
    found.taken = times.into_iter().find_map(|(space, name)| time::iso(&packet.text(space, name)?, TimeSource::Exif));
    found.location = place(&packet);
    found.motion = motion(&document, &packet);
    for node in &packet.0 {
        collect(*node, &mut found);
    }
    Some(found)
}

/// The descriptions of a packet.
struct Packet<'a, 'input>(Vec<Node<'a, 'input>>);

impl Packet<'_, '_> {
    /// A simple property.
    fn text(&self, space: &str, name: &str) -> Option<String> {
        self.0.iter().find_map(|node| {
            let attribute = node.attribute((space, name)).map(str::to_owned);
            attribute.or_else(|| child(*node, space, name)?.text().map(str::to_owned)).and_then(|text| clean(&text))
        })
    }

    /// The items of an array, without doubles.
    fn list(&self, space: &str, name: &str) -> Vec<String> {
        let mut items: Vec<String> = Vec::new();
        for node in &self.0 {
            let arrays = child(*node, space, name).into_iter().flat_map(|node| node.descendants());
            for item in arrays.filter(|node| node.has_tag_name((RDF, "li"))).take(1000) {
                if let Some(text) = item.text().and_then(clean).filter(|text| !items.contains(text)) {
                    items.push(text);
                }
            }
        }
        items
    }

    /// A text in several languages: the default one, else the first; or a simple one.
    fn words(&self, space: &str, name: &str) -> Option<String> {
        let node = self.0.iter().find_map(|node| child(*node, space, name))?;
        let items = || node.descendants().filter(|node| node.has_tag_name((RDF, "li")));
        let xml = "http://www.w3.org/XML/1998/namespace";
        let chosen = items().find(|item| item.attribute((xml, "lang")) == Some("x-default")).or_else(|| items().next());
        clean(chosen.unwrap_or(node).text()?)
    }
}

fn child<'a, 'input>(node: Node<'a, 'input>, space: &str, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name((space, name)))
}

/// Every simple property, for those who want to see all.
fn collect(node: Node<'_, '_>, found: &mut Found) {
    let prefix = |space: Option<&str>| space.and_then(|space| node.lookup_prefix(space)).unwrap_or("xmp").to_owned();
    let simple = node
        .attributes()
        .filter(|it| it.namespace() != Some(RDF))
        .map(|it| (format!("XMP-{}:{}", prefix(it.namespace()), it.name()), it.value().to_owned()));
    let nested = node.children().filter(Node::is_element).map(|it| {
        let name = it.tag_name();
        let items = it.descendants().filter(Node::is_text).filter_map(|text| text.text().map(str::trim));
        let value = items.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
        (format!("XMP-{}:{}", prefix(name.namespace()), name.name()), value)
    });
    for (name, value) in simple.chain(nested).take(500) {
        if let Some(value) = clean(&value) {
            found.raw.insert(name, value.chars().take(1024).collect());
        }
    }
}

/// `47,22.8N` and the like (XMP specification part 2, section 2.1, GPSCoordinate).
fn place(packet: &Packet<'_, '_>) -> Option<FoundPlace> {
    let degrees = |name: &str, most: f64| {
        let text = packet.text(EXIF, name)?;
        let direction = text.chars().last()?;
        let sign = if matches!(direction, 'S' | 'W') { -1.0 } else { 1.0 };
        let numbers = text.strip_suffix(['N', 'S', 'E', 'W'])?;
        let parts = numbers.split(',').map(str::parse::<f64>).collect::<Result<Vec<_>, _>>().ok()?;
        let sum = parts.iter().zip([1.0, 60.0, 3600.0]).map(|(part, by)| part / by).sum::<f64>() * sign;
        (sum.is_finite() && sum.abs() <= most).then(|| (sum * 1e7).round() / 1e7)
    };
    let (latitude, longitude) = (degrees("GPSLatitude", 90.0)?, degrees("GPSLongitude", 180.0)?);
    (latitude != 0.0 || longitude != 0.0).then_some(FoundPlace { latitude, longitude, altitude: None })
}

/// A motion photo's video, counted from the file's end: `span.at` is how far before the end it begins (features 4.6).
fn motion(document: &Document<'_>, packet: &Packet<'_, '_>) -> Option<Motion> {
    let presentation = packet.text(CAMERA, "MotionPhotoPresentationTimestampUs").and_then(|text| text.parse().ok());
    let made = |before_end: u64, len: u64, mime: String| Motion {
        span: Span { at: before_end, len },
        mime_type: mime,
        duration_ms: None,
        presentation_micros: presentation.filter(|at| *at >= 0),
    };
    if packet.text(CAMERA, "MotionPhoto").as_deref() == Some("1") {
        let items = document.descendants().filter(|node| node.has_tag_name((CONTAINER, "Item"))).take(16);
        let mut after = Vec::new();
        let mut video = None;
        for item in items {
            let of = |name| item.attribute((ITEM, name));
            let length: u64 = of("Length").and_then(|text| text.parse().ok()).unwrap_or(0);
            if of("Semantic") == Some("MotionPhoto") {
                video = Some((length, of("Mime").unwrap_or("video/mp4").to_owned()));
                after.clear();
            } else if video.is_some() {
                after.push(length);
            }
        }
        if let Some((length, mime)) = video {
            let behind: u64 = after.iter().fold(0, |sum, length| sum.saturating_add(*length));
            return Some(made(length.saturating_add(behind), length, mime));
        }
    }
    let old: u64 = packet.text(CAMERA, "MicroVideoOffset")?.parse().ok()?;
    Some(made(old, old, "video/mp4".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_and_elements_say_the_same() {
        let packet = r#"<?xpacket begin="" id=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
            <rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmp:Rating="4" exif:GPSLatitude="47,22.8N" exif:GPSLongitude="8,32.4E">
            <dc:subject><rdf:Bag><rdf:li>lake</rdf:li><rdf:li>sum</rdf:li><rdf:li>lake</rdf:li></rdf:Bag></dc:subject>
            <dc:description><rdf:Alt><rdf:li xml:lang="de">See</rdf:li><rdf:li xml:lang="x-default">Lake</rdf:li></rdf:Alt></dc:description>
            <xmp:CreateDate>2019-07-21T23:06:38-08:00</xmp:CreateDate></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>   "#;
        let found = read(packet.as_bytes()).unwrap();
        assert_eq!(
            (found.rating, found.facts.keywords.join("|"), found.facts.caption.as_deref()),
            (Some(4), "lake|sum".to_owned(), Some("Lake"))
        );
        assert_eq!(found.location.map(|place| (place.latitude, place.longitude)), Some((47.38, 8.54)));
        assert_eq!(found.taken.unwrap().offset_seconds, Some(-28_800));
        assert_eq!(found.raw["XMP-dc:subject"], "lake, sum, lake");
        for length in 0..packet.len() {
            read(&packet.as_bytes()[..length]);
        }
    }

    #[test]
    fn bombs_are_refused() {
        let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>"#;
        assert!(read(bomb.as_bytes()).is_none());
        assert!(read("<a>".repeat(60_000).as_bytes()).is_none());
    }
}
