//! What a person was promised by the servers they used, and whether a vault still holds all of it and nothing else.
//! Promise: what was asked and never answered is asked again, with the same key, before anything is judged.

use std::collections::BTreeMap;

use bytes::Bytes;
use mv_testkit::files::noise;
use reqwest::Method;
use serde_json::Value;

use crate::person::Person;

/// A file that was sent, under a name and a key of its own.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) size: usize,
    /// The item, once a server has acknowledged it.
    pub(crate) id: Option<String>,
    /// Somebody asked to delete it for good.
    pub(crate) deleting: bool,
    /// That was acknowledged.
    pub(crate) deleted: bool,
}

/// All files that one person sent.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) entries: Vec<Entry>,
}

impl Entry {
    /// The file's bytes.
    pub(crate) fn bytes(&self) -> Bytes {
        bytes_of(self.seed, self.size)
    }

    /// The key that makes sending it twice harmless.
    pub(crate) fn key(&self) -> String {
        format!("key-{}", self.name)
    }
}

/// The bytes of a seed: cut from one pool, since making many megabytes anew each time would take the processor from
/// the server.
pub(crate) fn bytes_of(seed: u64, size: usize) -> Bytes {
    static POOL: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| noise(7, 8 * 1024 * 1024));
    let from = (seed.wrapping_mul(0x9e37_79b9) as usize) % (POOL.len() - size);
    let mut bytes = seed.to_le_bytes().to_vec();
    bytes.extend_from_slice(&POOL[from..from + size]);
    bytes.truncate(size);
    Bytes::from(bytes)
}

impl Ledger {
    /// Notes a file before it is sent, and gives its place.
    pub(crate) fn note(&mut self, seed: u64, size: usize) -> usize {
        let name = format!("file-{}.bin", self.entries.len());
        self.entries.push(Entry { name, seed, size, id: None, deleting: false, deleted: false });
        self.entries.len() - 1
    }

    /// Sends again what was never answered.
    pub(crate) async fn ask_again(&mut self, person: &Person) {
        for entry in self.entries.iter_mut().filter(|entry| entry.id.is_none()) {
            let answer = person.try_upload(&entry.name, Some(&entry.key()), entry.bytes()).await.unwrap();
            let item = answer.expect(201);
            assert_eq!(item["filename"], entry.name.as_str());
            entry.id = item["id"].as_str().map(str::to_owned);
        }
        for entry in self.entries.iter_mut().filter(|entry| entry.deleting && !entry.deleted) {
            let path = format!("/media/{}?permanent=true", entry.id.as_ref().unwrap());
            let answer = person.send(person.request(Method::DELETE, &path)).await;
            assert!([204, 404].contains(&answer.status), "{}: {}", answer.asked, answer.status);
            entry.deleted = true;
        }
    }

    /// Every file that must be there is there once, and nothing else is. Everything must be answered.
    pub(crate) async fn compare_names(&self, person: &Person, place: &str) {
        let mut found = BTreeMap::new();
        let mut path = "/media?per_page=100&sort=created_at".to_owned();
        loop {
            let answer = person.get(&path).await;
            for item in answer.expect(200).as_array().unwrap() {
                let text = |name: &str| item[name].as_str().unwrap().to_owned();
                let before = found.insert(text("filename"), (text("id"), item["size"].as_u64().unwrap()));
                assert!(before.is_none(), "{place}: {} is there twice", item["filename"]);
            }
            match &answer.meta()["pagination"]["next_cursor"] {
                Value::String(cursor) => path = format!("/media?per_page=100&sort=created_at&cursor={cursor}"),
                _ => break,
            }
        }
        let wanted = self.entries.iter().filter(|entry| !entry.deleted);
        let wanted: BTreeMap<_, _> =
            wanted.map(|entry| (entry.name.clone(), (entry.id.clone().unwrap(), entry.size as u64))).collect();
        let lost: Vec<_> = wanted.iter().filter(|(name, _)| !found.contains_key(*name)).collect();
        let odd: Vec<_> = found.iter().filter(|(name, item)| wanted.get(*name) != Some(*item)).collect();
        assert!(lost.is_empty() && odd.is_empty(), "{place}: lost {lost:?}, not as acknowledged {odd:?}");
    }

    /// The bytes of the entries from a place on are those that were sent.
    pub(crate) async fn compare_bytes(&self, person: &Person, from: usize, place: &str) {
        for entry in self.entries.iter().skip(from) {
            let id = entry.id.as_ref().unwrap();
            let answer = person.get(&format!("/media/{id}/content")).await;
            if entry.deleted {
                assert_eq!(answer.status, 404, "{place}: {entry:?} was deleted");
            } else {
                assert!(
                    answer.status == 200 && answer.body == entry.bytes(),
                    "{place}: {entry:?} answers {}",
                    answer.status
                );
            }
        }
    }

    /// How many different contents there must be among what is alive.
    pub(crate) fn contents(&self) -> usize {
        let alive = self.entries.iter().filter(|entry| !entry.deleted);
        alive.map(|entry| (entry.seed, entry.size)).collect::<std::collections::BTreeSet<_>>().len()
    }
}
