//! Names inside a zip: what a file is called so that any system can unpack it, and only into the folder that was meant.
//! Promise: no name is a path or empty, none has a meaning to Windows, all fit into 200 bytes, and no two are the same to
//! a file system that ignores case.
//! Not here: composed and decomposed forms of one letter, which macOS alone takes for the same.

use std::collections::{HashMap, HashSet};

/// The longest name in a zip, in bytes of UTF-8: leaves room for what unpackers add on file systems that take 255.
const BYTES_MAX: usize = 200;

/// What is kept of a name where a number is added: any number has room behind it.
const NUMBERED_BYTES_MAX: usize = BYTES_MAX - 12;

/// Extensions up to this length survive when a name is cut.
const EXTENSION_BYTES_MAX: usize = 20;

/// What Windows takes for a device, whatever the extension ("Naming Files, Paths, and Namespaces", Microsoft).
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// The name under which a file goes into a zip.
///
/// Separators of paths, control characters and what Windows forbids (`<>:"|?*`) become `_`; dots and spaces at the end,
/// which Windows drops, are cut off, and what is then empty is `_`; the name of a device gets a `_` before it; a name
/// over 200 bytes loses the end of its stem. All else stays: the name is as much its owner's as it can be.
pub fn member_name(raw: &str) -> String {
    let plain: String = raw.chars().map(harmless).collect();
    // One byte less than allowed, for the mark before a device.
    let name = cut(plain.trim_end_matches(['.', ' ']), BYTES_MAX - 1);
    match name.trim_end_matches(['.', ' ']) {
        "" => "_".to_owned(),
        name if is_device(name) => format!("_{name}"),
        name => name.to_owned(),
    }
}

fn harmless(character: char) -> char {
    match character {
        '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
        _ if character.is_control() => '_',
        _ => character,
    }
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let port = |kind| {
        stem.strip_prefix(kind).is_some_and(|number| number.chars().count() == 1 && number.contains(is_port_number))
    };
    DEVICES.contains(&stem.as_str()) || port("COM") || port("LPT")
}

fn is_port_number(character: char) -> bool {
    matches!(character, '0'..='9' | '¹' | '²' | '³')
}

/// The name in so many bytes; the stem is cut, the extension stays.
fn cut(name: &str, bytes: usize) -> String {
    let (stem, extension) = split(name);
    let room = bytes.saturating_sub(extension.len()).min(stem.len());
    format!("{}{extension}", stem.get(..stem.floor_char_boundary(room)).unwrap_or_default())
}

/// Stem and extension, which begins with its dot or is empty.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= EXTENSION_BYTES_MAX => name.split_at(dot),
        _ => (name, ""),
    }
}

/// What two names have in common that a file system without case takes for one. Upper case first: it joins what lower
/// case alone keeps apart, such as the two forms of a small sigma.
fn folded(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}

/// Names given out so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: HashSet<String>,
    /// For each name as it is cut for a number: the number given last. No number is tried twice, so that thousands of
    /// files with one name cost no more than others.
    numbers: HashMap<String, u32>,
}

impl Names {
    /// A name for the file that is no other's: its own, or ` (2)` and so on before the extension.
    pub(super) fn give(&mut self, raw: &str) -> String {
        let name = member_name(raw);
        if self.taken.insert(folded(&name)) {
            return name;
        }
        let short = cut(&name, NUMBERED_BYTES_MAX);
        let (stem, extension) = split(&short);
        let last = self.numbers.entry(folded(&short)).or_insert(1);
        loop {
            *last = last.saturating_add(1);
            let name = format!("{stem} ({last}){extension}");
            if self.taken.insert(folded(&name)) {
                return name;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_by_example() {
        let long = format!("{}.jpeg", "n".repeat(300));
        let wide = format!("{}.jpeg", "é".repeat(120));
        let padded = format!("CON{}x", " ".repeat(250));
        let cases = [
            ("a.jpg", "a.jpg"),
            ("写真 (1).jpg", "写真 (1).jpg"),
            (".htaccess", ".htaccess"),
            ("-rf", "-rf"),
            ("it's 100% $(id) `x`.jpg", "it's 100% $(id) `x`.jpg"),
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("..\\..\\x", ".._.._x"),
            ("/etc/passwd", "_etc_passwd"),
            ("C:\\x", "C__x"),
            ("a.txt:stream", "a.txt_stream"),
            ("a\0b\r\n\u{85}.jpg", "a_b___.jpg"),
            ("<img src=\"x\"|?*>", "_img src=_x_____"),
            ("", "_"),
            (".", "_"),
            ("..", "_"),
            (" . . ", "_"),
            ("a. . ", "a"),
            ("a.jpg.", "a.jpg"),
            ("CON", "_CON"),
            ("nul.jpg", "_nul.jpg"),
            ("Aux .tar.gz", "_Aux .tar.gz"),
            ("com1", "_com1"),
            ("LPT³.txt", "_LPT³.txt"),
            ("conin$", "_conin$"),
            ("COM10", "COM10"),
            ("COM", "COM"),
            ("CONSOLE.log", "CONSOLE.log"),
            (&padded, "_CON"),
            (&long, &format!("{}.jpeg", "n".repeat(194))),
            (&wide, &format!("{}.jpeg", "é".repeat(97))),
        ];
        for (raw, name) in cases {
            assert_eq!(member_name(raw), name, "{raw:?}");
        }
    }

    #[test]
    fn doubles_are_numbered() {
        let mut names = Names::default();
        let given = |raw: &[&str], names: &mut Names| raw.iter().map(|raw| names.give(raw)).collect::<Vec<_>>();
        let raw = ["a.jpg", "A.JPG", "a.jpg", "a (4).jpg", "a.jpg", "a (2).jpg", "b", "B", "x/y", "x\\y", ".c", ".C"];
        let expected = [
            "a.jpg",
            "A (2).JPG",
            "a (3).jpg",
            "a (4).jpg",
            "a (5).jpg",
            "a (2) (2).jpg",
            "b",
            "B (2)",
            "x_y",
            "x_y (2)",
            ".c",
            ".C (2)",
        ];
        assert_eq!(given(&raw, &mut names), expected);
        assert_eq!(
            given(&["ς", "Σ", "ß", "SS", "\u{212a}", "k"], &mut names),
            ["ς", "Σ (2)", "ß", "SS (2)", "\u{212a}", "k (2)"]
        );
    }

    #[test]
    fn thousands_of_one_name_stay_cheap_and_short() {
        let mut names = Names::default();
        let long = "n".repeat(400);
        // Unlike to the last byte that is kept, and the same once a number is added.
        let raw = |number: usize| format!("{long:.190}{:03}.jpg", number % 1000);
        let given: HashSet<String> = (0..30_000).map(|number| names.give(&raw(number))).collect();
        assert_eq!(given.len(), 30_000);
        assert!(given.iter().all(|name| name.len() <= BYTES_MAX && name.ends_with(".jpg")));
    }

    proptest! {
        #[test]
        fn no_name_escapes_and_none_comes_twice(raws in proptest::collection::vec("(\\PC|[./\\\\: aA\0]|CON|é){0,80}", 1..30)) {
            let mut names = Names::default();
            let mut folds = HashSet::new();
            for raw in raws.iter().chain(&raws) {
                let name = names.give(raw);
                prop_assert!((1..=BYTES_MAX).contains(&name.len()), "{}", name);
                prop_assert!(!name.contains(['/', '\\', ':', '\0']) && !name.chars().any(char::is_control), "{:?}", name);
                prop_assert!(!name.ends_with(['.', ' ']) && !is_device(&name), "{:?}", name);
                prop_assert!(folds.insert(name.to_lowercase()), "{:?} twice", name);
            }
        }

        #[test]
        fn good_names_stay(name in "[a-z0-9é写_-]{1,20}(\\.[a-z]{1,5})?") {
            prop_assume!(!is_device(&name));
            prop_assert_eq!(member_name(&name), name);
        }
    }
}
