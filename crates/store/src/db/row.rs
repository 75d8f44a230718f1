//! Rows on their way out: read from left to right, each column into the type that is asked for.
//! Promise: a NULL or a type that was not expected is an error, never a default; a row must be read to its end.
//! Not here: values on their way in (`value.rs`).

use std::error::Error as StdError;

use mv_core::{Id, Timestamp};
use rusqlite::types::ValueRef;
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;

use super::error::{Error, Mistake};

/// What one column of one row holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'c> {
    /// No value.
    Null,
    /// A boolean; SQLite gives `Int` 0 or 1 instead.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Real(f64),
    /// Text.
    Text(&'c str),
    /// Bytes; on SQLite UUIDs too.
    Bytes(&'c [u8]),
    /// A UUID, on PostgreSQL.
    Uuid(Uuid),
}

impl Cell<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Real(_) => "a real number",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Uuid(_) => "a uuid",
        }
    }
}

/// A row and how far it has been read.
pub struct Row<'r> {
    source: Source<'r>,
    at: usize,
}

/// The driver's row.
pub(super) enum Source<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

/// A type that one column can be read into. Implement it for enums and other small types that the database keeps as
/// text or numbers.
pub trait Column: Sized {
    /// Says in an error message what was wanted, such as `an integer`.
    const WANTED: &'static str;
    /// The value, or nothing if the cell holds something else.
    fn from_cell(cell: Cell<'_>) -> Option<Self>;
}

/// A type that one or several columns can be read into: every [`Column`], tuples of up to eight, and structs that
/// name their fields with [`row!`](crate::row).
pub trait FromRow: Sized {
    /// Reads as many columns as the type needs, beginning where the row stands.
    fn from_row(row: &mut Row<'_>) -> Result<Self, Error>;
}

impl<'r> Row<'r> {
    pub(super) fn new(source: Source<'r>) -> Self {
        Self { source, at: 0 }
    }

    /// Reads the next column or columns.
    pub fn read<T: FromRow>(&mut self) -> Result<T, Error> {
        T::from_row(self)
    }

    /// The whole row as one value.
    pub(super) fn whole<T: FromRow>(mut self) -> Result<T, Error> {
        let value = T::from_row(&mut self)?;
        let columns = match self.source {
            Source::Sqlite(row) => row.as_ref().column_count(),
            Source::Postgres(row) => row.len(),
        };
        if columns == self.at { Ok(value) } else { Err(Mistake::Columns { columns, read: self.at }.into()) }
    }

    fn cell(&self) -> Result<Cell<'r>, Error> {
        Ok(match self.source {
            Source::Sqlite(row) => match row.get_ref(self.at)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(value) => Cell::Int(value),
                ValueRef::Real(value) => Cell::Real(value),
                ValueRef::Text(value) => {
                    Cell::Text(std::str::from_utf8(value).map_err(|bad| Error::Broken(bad.into()))?)
                }
                ValueRef::Blob(value) => Cell::Bytes(value),
            },
            Source::Postgres(row) => row.try_get(self.at)?,
        })
    }
}

impl<'c> FromSql<'c> for Cell<'c> {
    fn from_sql(ty: &Type, raw: &'c [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(match *ty {
            Type::BOOL => Cell::Bool(bool::from_sql(ty, raw)?),
            Type::INT2 => Cell::Int(i64::from(i16::from_sql(ty, raw)?)),
            Type::INT4 => Cell::Int(i64::from(i32::from_sql(ty, raw)?)),
            Type::INT8 => Cell::Int(i64::from_sql(ty, raw)?),
            Type::FLOAT4 => Cell::Real(f64::from(f32::from_sql(ty, raw)?)),
            Type::FLOAT8 => Cell::Real(f64::from_sql(ty, raw)?),
            Type::BYTEA => Cell::Bytes(raw),
            Type::UUID => Cell::Uuid(Uuid::from_sql(ty, raw)?),
            _ => Cell::Text(<&str>::from_sql(ty, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Cell::Null)
    }

    /// NUMERIC is left out on purpose: `SUM` of a BIGINT gives it, and SQLite gives an integer, so such sums are cast.
    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::BOOL | Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 | Type::BYTEA | Type::UUID
        ) || <&str as FromSql>::accepts(ty)
    }
}

impl<T: Column> FromRow for T {
    fn from_row(row: &mut Row<'_>) -> Result<Self, Error> {
        let cell = row.cell()?;
        let column = row.at;
        row.at += 1;
        Self::from_cell(cell).ok_or_else(|| Mistake::Column { column, found: cell.kind(), wanted: Self::WANTED }.into())
    }
}

macro_rules! column {
    ($($target:ty, $wanted:literal: $($pattern:pat => $made:expr),+;)*) => {$(
        impl Column for $target {
            const WANTED: &'static str = $wanted;
            fn from_cell(cell: Cell<'_>) -> Option<Self> {
                match cell {
                    $($pattern => $made,)+
                    _ => None,
                }
            }
        }
    )*};
}

column! {
    bool, "a boolean": Cell::Bool(value) => Some(value), Cell::Int(0) => Some(false), Cell::Int(1) => Some(true);
    i64, "an integer": Cell::Int(value) => Some(value);
    i32, "an integer of 32 bits": Cell::Int(value) => Self::try_from(value).ok();
    i16, "an integer of 16 bits": Cell::Int(value) => Self::try_from(value).ok();
    u64, "an integer of 0 or more": Cell::Int(value) => Self::try_from(value).ok();
    u32, "an integer of 0 or more, 32 bits": Cell::Int(value) => Self::try_from(value).ok();
    u16, "an integer of 0 or more, 16 bits": Cell::Int(value) => Self::try_from(value).ok();
    f64, "a real number": Cell::Real(value) => Some(value);
    String, "text": Cell::Text(value) => Some(value.to_owned());
    Vec<u8>, "bytes": Cell::Bytes(value) => Some(value.to_owned());
    Uuid, "a uuid": Cell::Uuid(value) => Some(value), Cell::Bytes(value) => Uuid::from_slice(value).ok();
    Timestamp, "a time in microseconds": Cell::Int(value) => Some(Timestamp::from_micros(value));
}

impl<const N: usize> Column for [u8; N] {
    const WANTED: &'static str = "bytes of a fixed number";
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Bytes(value) => value.try_into().ok(),
            _ => None,
        }
    }
}

impl<K> Column for Id<K> {
    const WANTED: &'static str = Uuid::WANTED;
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        Uuid::from_cell(cell).map(Self::from_uuid)
    }
}

impl<T: Column> Column for Option<T> {
    const WANTED: &'static str = T::WANTED;
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        if cell == Cell::Null { Some(None) } else { T::from_cell(cell).map(Some) }
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => {$(
        impl<$($name: FromRow),+> FromRow for ($($name,)+) {
            fn from_row(row: &mut Row<'_>) -> Result<Self, Error> {
                Ok(($($name::from_row(row)?,)+))
            }
        }
    )*};
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}

/// `row!(Media { id, owner_id, title });` lets a struct be read from a row: its fields in the order of the columns. A
/// field may itself be a struct or a tuple that takes several columns.
#[macro_export]
macro_rules! row {
    ($target:ty { $($field:ident),+ $(,)? }) => {
        impl $crate::FromRow for $target {
            fn from_row(row: &mut $crate::Row<'_>) -> ::std::result::Result<Self, $crate::Error> {
                Ok(Self { $($field: row.read()?),+ })
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_only_what_they_are() {
        assert_eq!(u64::from_cell(Cell::Int(-1)), None);
        assert_eq!(i32::from_cell(Cell::Int(1 << 31)), None);
        assert_eq!(bool::from_cell(Cell::Int(2)), None);
        assert_eq!(i64::from_cell(Cell::Null), None);
        assert_eq!(i64::from_cell(Cell::Text("1")), None);
        assert_eq!(Option::<i64>::from_cell(Cell::Null), Some(None));
        assert_eq!(Option::<i64>::from_cell(Cell::Text("1")), None);
        assert_eq!(Uuid::from_cell(Cell::Bytes(&[0; 15])), None);
        assert_eq!(<[u8; 2]>::from_cell(Cell::Bytes(&[1, 2])), Some([1, 2]));
        assert_eq!(<[u8; 2]>::from_cell(Cell::Bytes(&[1, 2, 3])), None);
    }
}
