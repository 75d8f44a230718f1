//! Pages of lists: which part is asked for and what comes back (contract section 4, the reference's "Pagination").

use crate::error::{Error, Problems};

/// Items on a page where the request does not say.
pub const DEFAULT_PER_PAGE: u32 = 20;
/// How far from the nearer end of a list a page may begin, where no kept positions lead to it. Beyond it the cost of
/// skipping would grow with the library; `cursor` goes on at any depth.
pub const MAX_SKIP: u64 = 10_000;
/// Where an inexact total stops counting.
pub const COUNT_LIMIT: u64 = 10_000;

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// From 1.
    pub page: u32,
    /// 1 to 100.
    pub per_page: u32,
}

impl PageRequest {
    /// Checks the two numbers; `None` is the default.
    ///
    /// # Errors
    /// `validation_error` naming `page` or `per_page`.
    pub fn check(page: Option<u64>, per_page: Option<u64>) -> Result<Self, Error> {
        let mut problems = Problems::default();
        let page = page.map_or(Some(1), |page| u32::try_from(page).ok().filter(|page| *page >= 1));
        if page.is_none() {
            problems.add("page", "Must be a whole number from 1");
        }
        let per_page =
            per_page.map_or(Some(DEFAULT_PER_PAGE), |n| u32::try_from(n).ok().filter(|n| (1..=100).contains(n)));
        if per_page.is_none() {
            problems.add("per_page", "Must be a whole number from 1 to 100");
        }
        problems.finish()?;
        Ok(Self { page: page.unwrap_or(1), per_page: per_page.unwrap_or(DEFAULT_PER_PAGE) })
    }

    /// How many items come before it.
    pub const fn offset(self) -> u64 {
        (self.page as u64 - 1) * self.per_page as u64
    }
}

/// How many items a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// How many; where not exact, at least so many.
    pub count: u64,
    /// Whether `count` is all of them.
    pub exact: bool,
}

impl Total {
    /// All of them.
    pub const fn exactly(count: u64) -> Self {
        Self { count, exact: true }
    }

    /// From a count that stops one beyond `COUNT_LIMIT`.
    pub const fn bounded(counted: u64) -> Self {
        if counted > COUNT_LIMIT { Self { count: COUNT_LIMIT, exact: false } } else { Self::exactly(counted) }
    }

    /// How many pages that makes.
    pub const fn pages(self, per_page: u32) -> u64 {
        self.count.div_ceil(per_page as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_checked() {
        assert_eq!(PageRequest::check(None, None).unwrap(), PageRequest { page: 1, per_page: 20 });
        assert_eq!(PageRequest::check(Some(2), Some(100)).unwrap().offset(), 100);
        for (page, per_page) in [(0, 20), (1, 0), (1, 101), (u64::MAX, 20), (1, u64::MAX)] {
            assert!(PageRequest::check(Some(page), Some(per_page)).is_err());
        }
        assert_eq!(PageRequest::check(Some(0), Some(0)).unwrap_err().details.len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn pages_cover_every_item_once(count in 0u64..5000, per_page in 1u32..=100) {
            let total = Total::exactly(count);
            let pages = total.pages(per_page);
            let mut covered = 0;
            for page in 1..=pages {
                let request = PageRequest { page: page as u32, per_page };
                proptest::prop_assert_eq!(request.offset(), covered);
                covered += u64::from(per_page).min(count - covered);
            }
            proptest::prop_assert_eq!(covered, count);
        }
    }
}
