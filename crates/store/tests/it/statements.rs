//! Every SQL text of this crate, read from its source: both databases must take it, and SQLite must find an index for it.

use std::collections::HashMap;
use std::path::Path;

use mv_store::MIGRATIONS;
use rusqlite::Connection;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, ExprCall, ExprMacro, ItemMacro, Lit, Local, Pat, Token};

use crate::scratch::{client, with_database};

/// A text as the source has it.
struct Statement {
    file: String,
    /// 1 or 2 texts: the same for both databases, or SQLite's and PostgreSQL's.
    texts: Vec<String>,
    /// It is a beginning, to which more is pushed.
    built: bool,
}

/// `macro_rules! name { () => { "text" }; }`.
struct TextMacro(Expr);

impl Parse for TextMacro {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (nothing, body);
        syn::parenthesized!(nothing in input);
        if !nothing.is_empty() {
            return Err(nothing.error("takes arguments"));
        }
        input.parse::<Token![=>]>()?;
        syn::braced!(body in input);
        let text = body.parse()?;
        input.parse::<Option<Token![;]>>()?;
        Ok(Self(text))
    }
}

/// Collects the macros that stand for text.
#[derive(Default)]
struct Macros(HashMap<String, String>);

impl<'ast> Visit<'ast> for Macros {
    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        if let Some(name) = &item.ident
            && let Ok(TextMacro(body)) = item.mac.parse_body()
            && let Some(text) = text_of(&body, &self.0)
        {
            self.0.insert(name.to_string(), text);
        }
    }
}

/// The text that an expression stands for: a literal, a macro of literals, `concat!` of both.
fn text_of(expr: &Expr, macros: &HashMap<String, String>) -> Option<String> {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        Expr::Macro(ExprMacro { mac, .. }) if mac.path.is_ident("concat") => {
            let parts = mac.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated).ok()?;
            parts.iter().map(|part| text_of(part, macros)).collect()
        }
        Expr::Macro(ExprMacro { mac, .. }) => macros.get(&mac.path.segments.last()?.ident.to_string()).cloned(),
        _ => None,
    }
}

/// Collects the calls of `sql` and `per`.
struct Calls<'m> {
    file: String,
    macros: &'m HashMap<String, String>,
    building: bool,
    found: Vec<Statement>,
}

impl<'ast> Visit<'ast> for Calls<'_> {
    fn visit_local(&mut self, local: &'ast Local) {
        let outer = self.building;
        self.building = matches!(&local.pat, Pat::Ident(name) if name.mutability.is_some());
        visit::visit_local(self, local);
        self.building = outer;
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        visit::visit_expr_call(self, call);
        let Expr::Path(function) = call.func.as_ref() else { return };
        let texts: Vec<&Expr> = match function.path.segments.last() {
            Some(name) if name.ident == "sql" => call.args.iter().collect(),
            Some(name) if name.ident == "per" => call.args.iter().skip(1).collect(),
            _ => return,
        };
        let texts = texts.into_iter().map(|text| {
            text_of(text, self.macros).unwrap_or_else(|| panic!("{}: the text of a statement is no literal", self.file))
        });
        self.found.push(Statement { file: self.file.clone(), texts: texts.collect(), built: self.building });
    }
}

/// Every statement of the modules beside `db/`.
fn statements() -> Vec<Statement> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let sources: Vec<(String, syn::File)> = files
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let source = std::fs::read_to_string(path).unwrap();
            (name, syn::parse_file(&source).unwrap())
        })
        .collect();
    let mut macros = Macros::default();
    sources.iter().for_each(|(_, source)| macros.visit_file(source));
    let mut found = Vec::new();
    for (file, source) in &sources {
        let mut calls = Calls { file: file.clone(), macros: &macros.0, building: false, found: Vec::new() };
        calls.visit_file(source);
        found.extend(calls.found);
    }
    assert!(found.len() > 70 && macros.0.len() >= 4, "{} statements and {} macros", found.len(), macros.0.len());
    found
}

fn migrated() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    MIGRATIONS.iter().for_each(|step| connection.execute_batch(step.sqlite).unwrap());
    connection
}

#[test]
fn sqlite_takes_every_statement() {
    let connection = migrated();
    for statement in statements().iter().filter(|statement| !statement.built) {
        let text = &statement.texts[0];
        if let Err(error) = connection.prepare(text) {
            panic!("{}: {error}\n{text}", statement.file);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_takes_every_statement() {
    with_database(|target| async move {
        let mv_store::Target::Postgres(url) = target else { panic!("not a server") };
        let client = client(&url).await;
        for step in MIGRATIONS {
            client.batch_execute(step.postgres).await.unwrap();
        }
        for statement in statements().iter().filter(|statement| !statement.built) {
            let text = statement.texts.last().unwrap();
            if let Err(error) = client.prepare(text).await {
                panic!("{}: {error:?}\n{text}", statement.file);
            }
        }
    })
    .await;
}

/// What may be read whole: by the check, which looks at everything, or because it is small or one row is enough.
const SCANNED: &[&str] = &[
    "SELECT owner_id FROM usage",
    "SELECT c.id, c.media_count, count(m.media_id)",
    "SELECT c.collection_id, count(*) FROM collection_media c JOIN media m",
    "SELECT id FROM blobs LIMIT 1",
    "SELECT count(*), CAST(coalesce(sum(items)",
    "DELETE FROM invites WHERE expires_at < $1",
    "SELECT count(*) FROM invites",
    "SELECT count(*) FROM (SELECT id FROM jobs WHERE leased = TRUE",
    "SELECT count(*) FROM (SELECT id FROM jobs WHERE leased = FALSE",
    "SELECT count(*) FROM (SELECT id FROM media WHERE status = 'failed'",
    "SELECT t.user_id, t.to_id FROM transfers t JOIN users u ON u.id = t.user_id WHERE u.deleted_at IS NULL",
    "UPDATE account_links SET expires_at = created_at WHERE kind = $1",
];

#[test]
fn sqlite_finds_an_index_for_every_statement() {
    let connection = migrated();
    let mut used = Vec::new();
    for statement in statements().iter().filter(|statement| !statement.built) {
        let text = &statement.texts[0];
        let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        let mut rows = explained.raw_query();
        while let Some(row) = rows.next().unwrap() {
            let step: String = row.get("detail").unwrap();
            let whole = step.starts_with("SCAN") && step != "SCAN CONSTANT ROW";
            let sorts = step.contains("TEMP B-TREE FOR ORDER BY") && text.contains("LIMIT");
            if !whole && !sorts {
                continue;
            }
            match SCANNED.iter().find(|known| text.starts_with(**known)) {
                Some(known) => used.push(*known),
                None => panic!("{}: {step}\n{text}", statement.file),
            }
        }
    }
    let unused: Vec<_> = SCANNED.iter().filter(|known| !used.contains(known)).collect();
    assert!(unused.is_empty(), "not read whole any more: {unused:?}");
}
