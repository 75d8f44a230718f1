//! What an API key may do: the closed list of scopes (contract section 3) and small sets of them.

use std::fmt;

use crate::error::Error;

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// One thing that a key may be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Scope {
            $($(#[$doc])* $name,)*
        }

        impl Scope {
            /// Every scope, in the contract's order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The scope as JSON and the database write it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Reads what `as_str` wrote.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

scopes! {
    /// Read items and their bytes.
    MediaRead = "media:read";
    /// Upload, change and delete items.
    MediaWrite = "media:write";
    /// Read collections.
    CollectionsRead = "collections:read";
    /// Make, change and delete collections.
    CollectionsWrite = "collections:write";
    /// Make, change and end shares.
    SharesWrite = "shares:write";
    /// Make, change and delete webhooks.
    WebhooksWrite = "webhooks:write";
    /// Look users up, and read the own account.
    UsersRead = "users:read";
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u16);

impl Scopes {
    /// With this one too.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | (1 << scope as u16))
    }

    /// Whether it is one of them.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u16) != 0
    }

    /// All of them, in the contract's order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.has(*scope))
    }

    /// Reads a list of names, at least one.
    ///
    /// # Errors
    /// `validation_error` on `scopes`, naming what is not a scope.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut scopes = Self::default();
        for name in names {
            let Some(scope) = Scope::parse(name) else {
                let known: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
                return Err(Error::invalid("scopes", format!("Must be some of {}", known.join(", "))));
            };
            scopes = scopes.with(scope);
        }
        if scopes == Self::default() {
            return Err(Error::invalid("scopes", "Must name at least one scope"));
        }
        Ok(scopes)
    }

    /// The set as the database keeps it: names with a space between.
    pub fn to_text(self) -> String {
        self.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Reads what `to_text` wrote; names that this version does not know give nothing.
    pub fn from_text(text: &str) -> Self {
        text.split(' ').filter_map(Scope::parse).fold(Self::default(), Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_keep_what_they_were_made_of() {
        let some = Scopes::from_names(["users:read", "media:read", "media:read"]).unwrap();
        assert_eq!(some.to_text(), "media:read users:read");
        assert_eq!(Scopes::from_text(&some.to_text()), some);
        assert!(some.has(Scope::MediaRead) && !some.has(Scope::MediaWrite));
        let every = Scope::ALL.iter().copied().fold(Scopes::default(), Scopes::with);
        assert_eq!(every.iter().collect::<Vec<_>>(), Scope::ALL);
        assert!(Scopes::from_names([]).is_err());
        assert_eq!(Scopes::from_names(["media:all"]).unwrap_err().details[0].field, "scopes");
    }
}
