//! Pagination (the reference's "Pagination"; contract section 4).

use mv_core::page::{DEFAULT_PER_PAGE, PageRequest, Total};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;

/// Where a page lies in its list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pagination {
    /// Items in the whole list; where `total_exact` is false, at least so many.
    pub total: u64,
    /// Whether `total` is all of them. Counting stops at 10,000 where no counter is kept for the filters.
    pub total_exact: bool,
    /// Items on this page.
    pub count: u64,
    /// Items on a full page.
    pub per_page: u32,
    /// This page's number; null where a cursor led here.
    pub current_page: Option<u32>,
    /// Pages of the whole list.
    pub total_pages: u64,
    /// Leads to the next page at any depth; null at the end.
    pub next_cursor: Option<String>,
    /// The neighbours.
    pub links: PageLinks,
}

/// Links to the neighbouring pages, relative to the base; null at the ends.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageLinks {
    /// The page after this one.
    #[schema(example = "/media?page=3")]
    pub next: Option<String>,
    /// The page before this one; null too where a cursor led here.
    #[schema(example = "/media?page=1")]
    pub prev: Option<String>,
}

/// What the links of a list keep: its path and its query but for `page` and `cursor`. `per_page` is kept where it is
/// not the default, as the reference shows.
#[derive(Debug, Clone, Default)]
pub struct ListLinks {
    path: String,
    kept: Vec<(String, String)>,
}

impl ListLinks {
    /// From the list's path (relative to the base) and all parameters that were sent.
    pub fn new(path: impl Into<String>, sent: &[(String, String)]) -> Self {
        let default = DEFAULT_PER_PAGE.to_string();
        let kept = sent.iter().filter(|(name, value)| match name.as_str() {
            "page" | "cursor" => false,
            "per_page" => *value != default,
            _ => true,
        });
        Self { path: path.into(), kept: kept.cloned().collect() }
    }

    fn to(&self, name: &str, value: &str) -> String {
        let mut link = format!("{}?{name}={}", self.path, encode(value));
        for (name, value) in &self.kept {
            link.push('&');
            link.push_str(&encode(name));
            link.push('=');
            link.push_str(&encode(value));
        }
        link
    }

    /// The pagination of a page that a number or a cursor led to.
    pub fn pagination(
        &self,
        request: PageRequest,
        by_cursor: bool,
        count: usize,
        total: Total,
        next_cursor: Option<String>,
    ) -> Pagination {
        let total_pages = total.pages(request.per_page);
        let page = u64::from(request.page);
        let (next, prev) = if by_cursor {
            (next_cursor.as_deref().map(|cursor| self.to("cursor", cursor)), None)
        } else {
            let next = next_cursor.is_some().then(|| self.to("page", &(page + 1).to_string()));
            let before = (page - 1).min(total_pages.max(1));
            (next, (page > 1).then(|| self.to("page", &before.to_string())))
        };
        Pagination {
            total: total.count,
            total_exact: total.exact,
            count: count as u64,
            per_page: request.per_page,
            current_page: (!by_cursor).then_some(request.page),
            total_pages,
            next_cursor,
            links: PageLinks { next, prev },
        }
    }
}

/// Left bare in links: unreserved characters (RFC 3986 section 2.3) and the brackets of `property[key]`.
const QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'[').remove(b']');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(sent: &[(&str, &str)]) -> ListLinks {
        let sent: Vec<_> = sent.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ListLinks::new("/media", &sent)
    }

    #[test]
    fn links_are_as_the_reference_shows() {
        let request = PageRequest { page: 2, per_page: 20 };
        let made = links(&[("page", "2"), ("per_page", "20")]).pagination(
            request,
            false,
            20,
            Total::exactly(150),
            Some("c".into()),
        );
        assert_eq!(made.links.next.as_deref(), Some("/media?page=3"));
        assert_eq!(made.links.prev.as_deref(), Some("/media?page=1"));
        assert_eq!((made.total, made.count, made.current_page, made.total_pages), (150, 20, Some(2), 8));
    }

    #[test]
    fn other_members_are_kept_and_ends_are_null() {
        let sent = links(&[("tag", "a b&c"), ("per_page", "5"), ("property[k]", "ü")]);
        let first =
            sent.pagination(PageRequest { page: 1, per_page: 5 }, false, 5, Total::exactly(6), Some("c".into()));
        assert_eq!(first.links.next.as_deref(), Some("/media?page=2&tag=a%20b%26c&per_page=5&property[k]=%C3%BC"));
        assert_eq!(first.links.prev, None);
        let last = sent.pagination(PageRequest { page: 2, per_page: 5 }, false, 1, Total::exactly(6), None);
        assert_eq!(last.links.next, None);
        let beyond = sent.pagination(PageRequest { page: 9, per_page: 5 }, false, 0, Total::exactly(6), None);
        assert!(beyond.links.prev.unwrap().starts_with("/media?page=2&"));
        let walked =
            sent.pagination(PageRequest { page: 1, per_page: 5 }, true, 5, Total::exactly(6), Some("c".into()));
        assert!(walked.links.next.unwrap().starts_with("/media?cursor=c&") && walked.current_page.is_none());
    }
}
