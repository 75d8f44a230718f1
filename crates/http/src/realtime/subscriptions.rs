//! What one connection has subscribed to, and which events it is still to get. All subscriptions share one reader of the
//! user's events; where a subscription begins earlier than the reader is, the reader goes back, and this tells what was
//! sent already.
//! Promise: while a subscription lasts, each event after its beginning that belongs to it is sent exactly once, whatever
//! other subscriptions it belongs to and however often the reader goes back.

use std::collections::HashMap;

use mv_core::event::Channel;

/// The most subscriptions of one connection.
pub const MAX_SUBSCRIPTIONS: usize = 1000;

/// One beginning: events after `from` belong to it, and those up to `sent` were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    from: i64,
    sent: i64,
}

/// All subscriptions of one connection.
#[derive(Debug, Default)]
pub struct Subscriptions {
    media: Vec<Mark>,
    collections: Vec<Mark>,
    things: HashMap<Box<str>, Vec<Mark>>,
    count: usize,
}

impl Subscriptions {
    /// Whether another subscription would be one too many.
    pub const fn is_full(&self) -> bool {
        self.count >= MAX_SUBSCRIPTIONS
    }

    /// Adds one that begins after `from`, where the reader stands at `reader`. Where `from` lies before, the reader must go
    /// back to it. Ids say by themselves to which channel they belong.
    pub fn add(&mut self, channel: Channel, resource: Option<&str>, from: i64, reader: i64) {
        if from < reader {
            self.hold(reader);
        }
        let marks = match resource {
            None => self.whole(channel),
            Some(resource) => self.things.entry(resource.into()).or_default(),
        };
        // One that reaches further back holds all that this one would.
        if !marks.iter().any(|mark| mark.from <= from) {
            marks.push(Mark { from, sent: from });
            self.count += 1;
        }
    }

    /// Ends one, however often it was begun.
    pub fn remove(&mut self, channel: Channel, resource: Option<&str>) {
        let gone = match resource {
            None => std::mem::take(self.whole(channel)).len(),
            Some(resource) => self.things.remove(resource).map_or(0, |marks| marks.len()),
        };
        self.count -= gone;
    }

    /// Whether an event is to be sent when the reader comes to it.
    pub fn want(&self, channel: Channel, resource: &str, position: i64) -> bool {
        let whole = match channel {
            Channel::Media => &self.media,
            Channel::Collections => &self.collections,
        };
        let of_thing = self.things.get(resource).map(Vec::as_slice).unwrap_or_default();
        let marks = || whole.iter().chain(of_thing).filter(|mark| mark.from < position);
        marks().next().is_some() && marks().all(|mark| mark.sent < position)
    }

    fn whole(&mut self, channel: Channel) -> &mut Vec<Mark> {
        match channel {
            Channel::Media => &mut self.media,
            Channel::Collections => &mut self.collections,
        }
    }

    /// All that belongs to any of them has been sent up to this position.
    fn hold(&mut self, reader: i64) {
        let marks = self.media.iter_mut().chain(&mut self.collections).chain(self.things.values_mut().flatten());
        for mark in marks {
            mark.sent = mark.sent.max(reader);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn resources_and_channels_are_told_apart() {
        let mut all = Subscriptions::default();
        all.add(Channel::Media, Some("media_a"), 5, 5);
        assert!(all.want(Channel::Media, "media_a", 6) && !all.want(Channel::Media, "media_a", 5));
        assert!(!all.want(Channel::Media, "media_b", 6));
        all.add(Channel::Collections, None, 5, 5);
        assert!(all.want(Channel::Collections, "col_a", 6) && !all.want(Channel::Media, "media_b", 6));
        all.remove(Channel::Media, Some("media_a"));
        all.remove(Channel::Media, Some("media_a"));
        assert!(!all.want(Channel::Media, "media_a", 7));
        for number in 0..2 * MAX_SUBSCRIPTIONS {
            if !all.is_full() {
                all.add(Channel::Media, Some(&format!("media_{number}")), 5, 5);
                all.add(Channel::Media, Some(&format!("media_{number}")), 6, 6);
            }
        }
        assert_eq!((all.count, all.things.len()), (MAX_SUBSCRIPTIONS, MAX_SUBSCRIPTIONS - 1));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Subscribe { whole: bool, thing: usize, from: i64 },
        Read(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (any::<bool>(), 0..3usize, 0..40i64).prop_map(|(whole, thing, from)| Step::Subscribe {
                whole,
                thing,
                from
            }),
            (1..12i64).prop_map(Step::Read),
        ]
    }

    proptest! {
        /// 60 events, of three things by turns, and one reader that goes back whenever it must.
        #[test]
        fn each_event_is_sent_once(steps in proptest::collection::vec(step(), 1..30)) {
            const THINGS: [&str; 3] = ["media_0", "media_1", "media_2"];
            let thing_of = |position: i64| THINGS[(position % 3) as usize];
            let (mut subscriptions, mut reader, mut sent) = (Subscriptions::default(), 0_i64, Vec::new());
            let mut begun: Vec<(Option<&str>, i64)> = Vec::new();
            let mut read = |subscriptions: &Subscriptions, reader: &mut i64, count: i64| {
                for _ in 0..count.min(60 - *reader) {
                    *reader += 1;
                    if subscriptions.want(Channel::Media, thing_of(*reader), *reader) {
                        sent.push(*reader);
                    }
                }
            };
            for step in steps {
                match step {
                    Step::Read(count) => read(&subscriptions, &mut reader, count),
                    Step::Subscribe { whole, thing, from } => {
                        let resource = (!whole).then_some(THINGS[thing]);
                        subscriptions.add(Channel::Media, resource, from, reader);
                        reader = reader.min(from);
                        begun.push((resource, from));
                    }
                }
            }
            read(&subscriptions, &mut reader, 60);
            sent.sort_unstable();
            let due: Vec<i64> = (1..=60)
                .filter(|position| begun.iter().any(|(of, from)| {
                    from < position && of.is_none_or(|of| of == thing_of(*position))
                }))
                .collect();
            prop_assert_eq!(sent, due);
        }
    }
}
