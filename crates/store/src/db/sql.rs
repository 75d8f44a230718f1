//! Statements: SQL text written once with `$1`, `$2`, ... and the values that belong to it.
//! Promise: a value never becomes part of the text, so no input can change what a statement means.
//! Not here: running them (`mod.rs`).

use std::borrow::Cow;
use std::fmt::Write as _;

use super::conn::Tx;
use super::value::Value;
use super::{Conn, Dialect};

/// A statement with its values. Build it with [`sql`] or [`per`].
#[derive(Debug, Clone)]
pub struct Sql {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

/// A statement in the language that both databases share. Placeholders are `$1`, `$2`, ... and may repeat.
pub fn sql(text: &'static str) -> Sql {
    Sql { text: Cow::Borrowed(text), values: Vec::new() }
}

/// A statement whose text must differ: the first for SQLite, the second for PostgreSQL.
pub fn per(conn: &Conn, sqlite: &'static str, postgres: &'static str) -> Sql {
    sql(match conn.dialect() {
        Dialect::Sqlite => sqlite,
        Dialect::Postgres => postgres,
    })
}

impl Sql {
    /// Gives the next placeholder its value: the first call is for `$1`.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Appends a fragment of text. To put a value behind it, call [`Sql::push_bind`] next.
    pub fn push(&mut self, fragment: &'static str) -> &mut Self {
        self.text.to_mut().push_str(fragment);
        self
    }

    /// Appends the next free placeholder and binds the value to it.
    pub fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        let number = self.values.len();
        // Writing to a String cannot fail.
        let _ = write!(self.text.to_mut(), "${number}");
        self
    }

    /// Appends `($4, $5, $6)` for use behind `IN`. The list is filled up to a power of two by repeating the last
    /// value, so that lists of any length make only a few different texts and the statement caches stay useful.
    /// An empty list becomes `(NULL)`, which nothing is in; do not put an empty list behind `NOT IN`.
    pub fn push_list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Self {
        let mut list: Vec<Value> = values.into_iter().map(Into::into).collect();
        let Some(last) = list.last().cloned() else {
            return self.push("(NULL)");
        };
        list.resize(list.len().next_power_of_two(), last);
        for (place, value) in list.into_iter().enumerate() {
            self.push(if place == 0 { "(" } else { ", " }).push_bind(value);
        }
        self.push(")")
    }

    /// Appends what holds the rows of a SELECT against changes by others until the transaction ends; several may hold
    /// the same row so. On SQLite nothing, since nobody else writes meanwhile.
    pub fn push_hold(&mut self, tx: &Tx) -> &mut Self {
        match tx.dialect() {
            Dialect::Sqlite => self,
            Dialect::Postgres => self.push(" FOR SHARE"),
        }
    }

    /// The text as written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The values in the order of their placeholders.
    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }
}

/// The text as SQLite must have it: `$n` becomes `?n`, because SQLite takes `$n` for a name and numbers names in the
/// order in which they first appear. Literals, quoted names and comments stay as they are.
pub(super) fn for_sqlite(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\'', '"', '-', '/']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let length = match from.as_bytes() {
            [b'$', digit, ..] if digit.is_ascii_digit() => {
                out.push('?');
                rest = &from[1..];
                continue;
            }
            [quote @ (b'\'' | b'"'), ..] => quoted_length(from, char::from(*quote)),
            [b'-', b'-', ..] => from.find('\n').unwrap_or(from.len()),
            [b'/', b'*', ..] => from[2..].find("*/").map_or(from.len(), |end| end + 4),
            _ => 1,
        };
        let (kept, after) = from.split_at(length);
        out.push_str(kept);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// How many bytes the literal or quoted name at the start of `text` takes. A doubled quote ends one and begins the
/// next, which comes to the same.
fn quoted_length(text: &str, quote: char) -> usize {
    text[1..].find(quote).map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_rewritten_and_nothing_else() {
        for (written, sqlite) in [
            ("SELECT 1", "SELECT 1"),
            ("a = $1 AND b = $2 AND c = $1", "a = ?1 AND b = ?2 AND c = ?1"),
            ("$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11", "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11"),
            ("a = '$1' AND b = $1", "a = '$1' AND b = ?1"),
            ("a = 'it''s $1' AND b = $2", "a = 'it''s $1' AND b = ?2"),
            ("\"$1\" = $1", "\"$1\" = ?1"),
            ("a = 'ü$1' || $1 -- not $2\n || $3", "a = 'ü$1' || ?1 -- not $2\n || ?3"),
            ("a /* $1 */ - $2 / $3", "a /* $1 */ - ?2 / ?3"),
            ("a /*/ $1 */ $2", "a /*/ $1 */ ?2"),
            ("a = '$1", "a = '$1"),
            ("a = $ AND b = $x", "a = $ AND b = $x"),
        ] {
            assert_eq!(for_sqlite(written), sqlite, "{written}");
        }
    }

    #[test]
    fn filters_are_numbered_in_the_order_of_their_values() {
        let mut query = sql("SELECT id FROM t WHERE owner = $1").bind(7i64);
        query.push(" AND size >= ").push_bind(10i64).push(" AND kind IN ").push_list(["a", "b", "c"]);
        assert_eq!(query.text(), "SELECT id FROM t WHERE owner = $1 AND size >= $2 AND kind IN ($3, $4, $5, $6)");
        assert_eq!(query.values().len(), 6);
        assert_eq!(query.values()[4], query.values()[5]);
        let mut nothing = sql("x IN ");
        nothing.push_list(Vec::<i64>::new());
        assert_eq!(nothing.text(), "x IN (NULL)");
        assert!(nothing.values().is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_walked_to_its_end(text in "[a$'\"/*\\-0-9é\n]{0,40}") {
            let rewritten = for_sqlite(&text);
            proptest::prop_assert_eq!(rewritten.replace('?', "$"), text);
        }
    }
}
