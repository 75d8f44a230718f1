//! Pages of 20 from libraries of growing size: the first page, the deepest by cursor, the middle and the last by number.
//! Promise: the library is one user's, made by copying the rows of items that were really uploaded; the list's own
//! total is compared with what was put in before anything is measured.
//! Not here: filters and search.

use std::path::Path;

use serde_json::Value;

use super::{BARE, Context, PRODUCT, product, repeated, start};
use crate::client::{Keep, Request, ask, closed_loop};
use crate::content::Content;
use crate::error::{Error, Result};
use crate::figures::Figures;
use crate::process;
use crate::subject::Subject;

/// The account that owns the library.
const EMAIL: &str = "library@example.com";
const LIST: &str = "/api/v1/media?per_page=20";
const CONNECTIONS: usize = 8;
/// Items uploaded for their rows to be copied; `library-rows.py` knows the number too.
const TEMPLATES: u64 = 20;

/// Which page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// The first.
    First,
    /// The deepest, by cursor.
    Cursor,
    /// The one in the middle, by number.
    Middle,
    /// The last, by number.
    Last,
}

impl Place {
    /// As it is called in a scenario's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Place::First => "first page",
            Place::Cursor => "deepest page by cursor",
            Place::Middle => "middle page by number",
            Place::Last => "last page by number",
        }
    }
}

/// The library as it stands.
pub(crate) struct Library {
    items: u64,
    /// Cursor of the deepest page, found once for each size.
    deepest: String,
}

/// One page of a library of `items` items.
pub(super) fn page(subject: &mut Subject, context: &mut Context, place: Place, items: u64) -> Result<Figures> {
    let request = match subject.name {
        PRODUCT => {
            prepare(subject, context, items)?;
            let headers = product::sign_in(subject.server.address(), EMAIL)?;
            let pages = items.div_ceil(20);
            let deepest = context.library.as_ref().map_or("", |library| &library.deepest);
            let path = match place {
                Place::First => LIST.to_owned(),
                Place::Cursor => format!("{LIST}&cursor={deepest}"),
                Place::Middle => format!("{LIST}&page={}", pages / 2),
                Place::Last => format!("{LIST}&page={pages}"),
            };
            Request::get(&path, &headers)
        }
        BARE => subject.dialect.get("/page"),
        _ => {
            crate::peers::fill_pocketbase(context.settings, items)?;
            // PocketBase has no cursors: its list without the total stands in the place of one.
            let path = if place == Place::First { crate::peers::LIST } else { crate::peers::LIST_WITHOUT_TOTAL };
            subject.dialect.get(path)
        }
    };
    let exchanges = repeated(subject, &request, CONNECTIONS)?;
    Ok(Figures::of_requests(closed_loop(&context.load(subject), exchanges)?))
}

/// Sees to it that the library has `items` items.
pub(super) fn prepare(subject: &mut Subject, context: &mut Context, items: u64) -> Result<()> {
    if context.library.as_ref().is_some_and(|library| library.items == items) {
        return Ok(());
    }
    if context.library.is_none() {
        let address = subject.server.address();
        product::register(address, EMAIL)?;
        let headers = product::sign_in(address, EMAIL)?;
        for number in 0..TEMPLATES {
            let request = template(&headers, number, context.pool.draw(4_096));
            let answer = ask(address, &request, Keep::Body)?;
            if answer.status != 201 {
                return Err(Error::Wrong(format!("an item of the library: {}", answer.summary())));
            }
        }
    }
    let database = product::data_folder(context.settings);
    let script = context.settings.scripts.join("library-rows.py");
    start::stop_then(subject, context, || {
        process::run(Path::new("python3"), [script, database.clone(), EMAIL.into(), items.to_string().into()])
    })?;
    let headers = product::sign_in(subject.server.address(), EMAIL)?;
    check_total(subject, &headers, items)?;
    let deepest = deepest_cursor(subject, &headers, items)?;
    context.library = Some(Library { items, deepest });
    Ok(())
}

/// An item as people keep them: named, described, tagged.
fn template(headers: &str, number: u64, content: Content) -> Request {
    let path = format!(
        "/api/v1/media/upload?title=Morning+at+the+lake+{number}&description=Fog+over+the+water,+seen+from+the+pier\
         &tags=lake&tags=holiday&tags=set-{number}"
    );
    let headers = format!(
        "{headers}Content-Type: application/octet-stream\r\n\
         Content-Disposition: attachment; filename*=UTF-8''lake-{number:04}.bin\r\n"
    );
    Request::raw("POST", &path, &headers, content)
}

fn list(subject: &Subject, headers: &str, path: &str) -> Result<Value> {
    let answer = ask(subject.server.address(), &Request::get(path, headers), Keep::Body)?;
    if answer.status == 200 { Ok(answer.json()) } else { Err(Error::Wrong(format!("a page: {}", answer.summary()))) }
}

fn check_total(subject: &Subject, headers: &str, items: u64) -> Result<()> {
    let total = list(subject, headers, LIST)?.pointer("/meta/pagination/total").and_then(Value::as_u64);
    if total == Some(items) {
        return Ok(());
    }
    Err(Error::Wrong(format!("the list counts {total:?} items where {items} were put in")))
}

/// Walks the whole library in pages of 100; the cursor that stands before its last 20 items or fewer.
fn deepest_cursor(subject: &Subject, headers: &str, items: u64) -> Result<String> {
    let mut cursor = String::new();
    let mut seen = 0;
    while seen + 20 < items {
        let size = (items - 20 - seen).min(100);
        let from = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
        let page = list(subject, headers, &format!("/api/v1/media?per_page={size}{from}"))?;
        let count = page.get("data").and_then(Value::as_array).map_or(0, Vec::len) as u64;
        let next = page.pointer("/meta/pagination/next_cursor").and_then(Value::as_str);
        let Some(next) = next.filter(|_| count == size) else {
            return Err(Error::Wrong(format!("the walk by cursor ended after {} of {items} items", seen + count)));
        };
        next.clone_into(&mut cursor);
        seen += count;
    }
    Ok(cursor)
}
