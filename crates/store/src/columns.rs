//! How the domain's own small types stand in a column.

use mv_core::examined::Status;
use mv_core::job::JobKind;
use mv_core::mime::MediaType;
use mv_core::taken::TakenSource;
use mv_core::webhook::{DeliveryStatus, DisabledReason, Events};
use mv_core::{Role, Scopes};

use crate::{Cell, Column};

impl Column for Role {
    const WANTED: &'static str = "a role";
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(Self::parse(text)),
            _ => None,
        }
    }
}

impl Column for MediaType {
    const WANTED: &'static str = "a kind of media";
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Self::parse(text),
            _ => None,
        }
    }
}

impl Column for TakenSource {
    const WANTED: &'static str = "who said when it was taken";
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Self::parse(text),
            _ => None,
        }
    }
}

impl Column for Scopes {
    const WANTED: &'static str = "scopes";
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(Self::from_text(text)),
            _ => None,
        }
    }
}

impl Column for DisabledReason {
    const WANTED: &'static str = "why a webhook is off";
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Self::parse(text),
            _ => None,
        }
    }
}

impl Column for DeliveryStatus {
    const WANTED: &'static str = "how a delivery stands";
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Self::parse(text),
            _ => None,
        }
    }
}

impl Column for Events {
    const WANTED: &'static str = "types of events";
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(Self::from_text(text)),
            _ => None,
        }
    }
}

impl Column for Status {
    const WANTED: &'static str = "how far an item is";
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Self::parse(text),
            _ => None,
        }
    }
}

impl Column for JobKind {
    const WANTED: &'static str = "a kind of work";
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Self::parse(text),
            _ => None,
        }
    }
}
