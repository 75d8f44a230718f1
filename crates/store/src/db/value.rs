//! Values on their way into a statement: one enum that both databases can bind.
//! Promise: a value that the column cannot hold is refused, never cut off or wrapped round.
//! Not here: values on their way out (`row.rs`).

use std::error::Error as StdError;

use bytes::BytesMut;
use mv_core::{Id, Timestamp};
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{IsNull, ToSql, Type};
use uuid::Uuid;

/// A value to bind. Text must not hold U+0000: PostgreSQL cannot store it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value; takes the type of the column.
    Null,
    /// TRUE or FALSE (1 or 0 on SQLite).
    Bool(bool),
    /// A whole number; also times (microseconds since 1970).
    Int(i64),
    /// A number that came as `u64` and does not fit into 63 bits; binding it is an error.
    Oversize(u64),
    /// A floating point number.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A UUID: `uuid` on PostgreSQL, a BLOB of 16 bytes on SQLite.
    Uuid(Uuid),
}

/// Why a value cannot be bound.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unbindable {
    #[error("{0} is greater than a BIGINT can be")]
    Oversize(u64),
    #[error("a value of kind {kind} does not fit a parameter of type {wanted}")]
    WrongType { kind: &'static str, wanted: String },
}

impl Value {
    /// What kind of value this is; tells nothing of its content, so it may be logged.
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) | Self::Oversize(_) => "integer",
            Self::Real(_) => "real",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Uuid(_) => "uuid",
        }
    }
}

macro_rules! from {
    ($($source:ty => |$value:ident| $made:expr;)*) => {$(
        impl From<$source> for Value {
            fn from($value: $source) -> Self {
                $made
            }
        }
    )*};
}

from! {
    bool => |value| Self::Bool(value);
    i16 => |value| Self::Int(i64::from(value));
    i32 => |value| Self::Int(i64::from(value));
    i64 => |value| Self::Int(value);
    u16 => |value| Self::Int(i64::from(value));
    u32 => |value| Self::Int(i64::from(value));
    u64 => |value| i64::try_from(value).map_or(Self::Oversize(value), Self::Int);
    f64 => |value| Self::Real(value);
    &str => |value| Self::Text(value.to_owned());
    &String => |value| Self::Text(value.clone());
    String => |value| Self::Text(value);
    &[u8] => |value| Self::Bytes(value.to_vec());
    Vec<u8> => |value| Self::Bytes(value);
    &Vec<u8> => |value| Self::Bytes(value.clone());
    Uuid => |value| Self::Uuid(value);
    Timestamp => |value| Self::Int(value.micros());
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<K> From<Id<K>> for Value {
    fn from(value: Id<K>) -> Self {
        Self::Uuid(value.uuid())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Oversize(value) => {
                return Err(rusqlite::Error::ToSqlConversionFailure(Box::new(Unbindable::Oversize(*value))));
            }
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Uuid(value) => ValueRef::Blob(value.as_bytes()),
        }))
    }
}

type Boxed = Box<dyn StdError + Sync + Send>;

/// Whole numbers go into any column of numbers that can hold them exactly.
fn int_to_sql(value: i64, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
    match *ty {
        Type::INT8 => value.to_sql(ty, out),
        Type::INT4 => i32::try_from(value)?.to_sql(ty, out),
        Type::INT2 => i16::try_from(value)?.to_sql(ty, out),
        Type::FLOAT8 if value.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS => (value as f64).to_sql(ty, out),
        _ => Err(Unbindable::WrongType { kind: "integer", wanted: ty.to_string() }.into()),
    }
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        match (self, ty) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Oversize(value), _) => Err(Unbindable::Oversize(*value).into()),
            (Self::Int(value), _) => int_to_sql(*value, ty, out),
            (Self::Bool(value), &Type::BOOL) => value.to_sql(ty, out),
            (Self::Real(value), &Type::FLOAT8) => value.to_sql(ty, out),
            (Self::Real(value), &Type::FLOAT4) => (*value as f32).to_sql(ty, out),
            (Self::Text(value), ty) if <&str as ToSql>::accepts(ty) => value.as_str().to_sql(ty, out),
            (Self::Bytes(value), &Type::BYTEA) => value.as_slice().to_sql(ty, out),
            (Self::Uuid(value), &Type::UUID) => value.to_sql(ty, out),
            (other, ty) => Err(Unbindable::WrongType { kind: other.kind(), wanted: ty.to_string() }.into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    // Types are checked in `to_sql` itself, because what fits depends on the value.
    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        self.to_sql(ty, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        let mut out = BytesMut::new();
        assert!(Value::Int(40_000).to_sql(&Type::INT4, &mut out).is_ok());
        assert!(Value::Int(40_000).to_sql(&Type::INT2, &mut out).is_err());
        assert!(Value::Int(1 << 40).to_sql(&Type::INT4, &mut out).is_err());
        assert!(Value::Int((1 << 53) + 1).to_sql(&Type::FLOAT8, &mut out).is_err());
        assert!(Value::from(u64::MAX).to_sql(&Type::INT8, &mut out).is_err());
        assert!(rusqlite::ToSql::to_sql(&Value::from(u64::MAX)).is_err());
        assert_eq!(Value::from(i64::MAX as u64), Value::Int(i64::MAX));
    }

    #[test]
    fn kinds_do_not_slip_into_columns_of_other_kinds() {
        let mut out = BytesMut::new();
        assert!(Value::from("yes").to_sql(&Type::BOOL, &mut out).is_err());
        assert!(Value::from(true).to_sql(&Type::INT4, &mut out).is_err());
        assert!(Value::from([1u8; 16]).to_sql(&Type::UUID, &mut out).is_err());
        assert!(matches!(Value::from(None::<bool>).to_sql(&Type::UUID, &mut out), Ok(IsNull::Yes)));
    }
}
