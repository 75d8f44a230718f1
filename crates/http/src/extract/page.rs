//! Which page of a list: the parameters that every list takes, and the answer's account of where it lies.

use std::sync::OnceLock;

use mv_core::page::{PageRequest, Total};
use mv_core::{Error, Problems};
use serde::Serialize;
use utoipa::IntoParams;

use crate::envelope::PageEnvelope;
use crate::extract::query::{Known, Pairs, Parameters};
use crate::wire::page::{ListLinks, Pagination};

/// Which page of a list that has no filters.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct PageParameters {
    /// Page number, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Items on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    per_page: Option<u32>,
    /// Where to go on: `meta.pagination.next_cursor` of the page before. Not together with `page`.
    cursor: Option<String>,
}

impl Parameters for PageParameters {
    type Read = Paged;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Paged, Error> {
        let mut problems = Problems::default();
        let paged = Paged::read(pairs, &mut problems);
        problems.finish()?;
        Ok(paged)
    }
}

/// The page that was asked for.
pub struct Paged {
    /// By number; the first where a cursor leads.
    pub page: PageRequest,
    /// By cursor.
    pub cursor: Option<String>,
    sent: Vec<(String, String)>,
}

impl Paged {
    /// Takes `page`, `per_page` and `cursor`; what else was sent is kept for the links. Notes what is wrong with them.
    pub fn read(pairs: &mut Pairs, problems: &mut Problems) -> Self {
        let sent = pairs.sent().to_vec();
        let (page, cursor) = pairs.page(problems);
        Self { page, cursor, sent }
    }

    /// Where a page of `count` items lies in the list at `path` (relative to the base).
    pub fn pagination(
        &self,
        path: impl Into<String>,
        count: usize,
        total: Total,
        next_cursor: Option<String>,
    ) -> Pagination {
        ListLinks::new(path, &self.sent).pagination(self.page, self.cursor.is_some(), count, total, next_cursor)
    }

    /// The page as it is answered.
    pub fn answer<T: Serialize>(
        &self,
        path: &str,
        items: Vec<T>,
        total: Total,
        next_cursor: Option<String>,
    ) -> PageEnvelope<T> {
        let pagination = self.pagination(path, items.len(), total, next_cursor);
        PageEnvelope::current(items, pagination)
    }
}
