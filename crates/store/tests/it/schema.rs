//! The two dialects of the schema end in the same tables, columns, kinds of values, keys and indexes.

use std::collections::{BTreeMap, BTreeSet};

use mv_store::{MIGRATIONS, Target};
use rusqlite::Connection;

use crate::scratch::{client, with_database};

/// Of a column: what it holds, and whether it may be NULL.
type Columns = BTreeMap<String, (&'static str, bool)>;

/// What a database has.
#[derive(Debug, Default, PartialEq)]
struct Schema {
    tables: BTreeMap<String, Columns>,
    /// Each with its primary key's columns in order.
    keys: BTreeMap<String, Vec<String>>,
    /// Name, table, columns in order, unique, over a part of the rows only.
    indexes: BTreeSet<(String, String, Vec<String>, bool, bool)>,
    /// Table, column, the table meant, what happens when its row goes.
    references: BTreeSet<(String, String, String, String)>,
}

fn of_sqlite() -> Schema {
    let connection = Connection::open_in_memory().unwrap();
    MIGRATIONS.iter().for_each(|step| connection.execute_batch(step.sqlite).unwrap());
    let texts = |query: &str| -> Vec<Vec<rusqlite::types::Value>> {
        let mut statement = connection.prepare(query).unwrap();
        let width = statement.column_count();
        let rows = statement.query_map([], |row| (0..width).map(|place| row.get(place)).collect()).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let text = |value: &rusqlite::types::Value| match value {
        rusqlite::types::Value::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    };
    let number = |value: &rusqlite::types::Value| match value {
        rusqlite::types::Value::Integer(number) => *number,
        other => panic!("{other:?} is no number"),
    };
    let mut schema = Schema::default();
    for table in texts("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'") {
        let table = text(&table[0]);
        let mut columns = Columns::new();
        let mut key = BTreeMap::new();
        for row in texts(&format!("SELECT name, type, \"notnull\", pk FROM pragma_table_info('{table}')")) {
            let kind = match text(&row[1]).as_str() {
                "INTEGER" => "number",
                "REAL" => "real",
                "TEXT" => "text",
                "BLOB" => "bytes",
                other => panic!("{table}: {other}"),
            };
            let place = number(&row[3]);
            // SQLite would take NULL as a primary key; nothing that is bound to one can be NULL.
            columns.insert(text(&row[0]), (kind, number(&row[2]) == 0 && place == 0));
            if place > 0 {
                key.insert(place, text(&row[0]));
            }
        }
        for row in
            texts(&format!("SELECT name, \"unique\", partial FROM pragma_index_list('{table}') WHERE origin = 'c'"))
        {
            let name = text(&row[0]);
            let columns = texts(&format!("SELECT name FROM pragma_index_info('{name}') ORDER BY seqno"))
                .iter()
                .map(|row| text(&row[0]))
                .collect();
            schema.indexes.insert((name, table.clone(), columns, number(&row[1]) == 1, number(&row[2]) == 1));
        }
        for row in texts(&format!("SELECT \"from\", \"table\", on_delete FROM pragma_foreign_key_list('{table}')")) {
            schema.references.insert((table.clone(), text(&row[0]), text(&row[1]), text(&row[2])));
        }
        schema.keys.insert(table.clone(), key.into_values().collect());
        schema.tables.insert(table, columns);
    }
    schema
}

async fn of_postgres(url: &str) -> Schema {
    let client = client(url).await;
    for step in MIGRATIONS {
        client.batch_execute(step.postgres).await.unwrap();
    }
    let mut schema = Schema::default();
    let columns = "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' FROM information_schema.columns
                   WHERE table_schema = 'public'";
    for row in client.query(columns, &[]).await.unwrap() {
        let (table, kind): (String, String) = (row.get(0), row.get(2));
        let kind = match kind.as_str() {
            "bigint" | "integer" | "boolean" => "number",
            "double precision" => "real",
            "text" => "text",
            "uuid" | "bytea" => "bytes",
            other => panic!("{table}: {other}"),
        };
        schema.tables.entry(table).or_default().insert(row.get(1), (kind, row.get(3)));
    }
    let indexes = "SELECT i.relname::text, t.relname::text, x.indisunique, x.indpred IS NOT NULL, x.indisprimary,
                          ARRAY(SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY AS k (number, place)
                                JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number ORDER BY k.place)
                   FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
                   WHERE t.relnamespace = 'public'::regnamespace";
    for row in client.query(indexes, &[]).await.unwrap() {
        if row.get(4) {
            schema.keys.insert(row.get(1), row.get(5));
        } else {
            schema.indexes.insert((row.get(0), row.get(1), row.get(5), row.get(2), row.get(3)));
        }
    }
    let references = "SELECT t.relname::text, a.attname::text, r.relname::text, c.confdeltype::text
                      FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid
                      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1] WHERE c.contype = 'f'";
    for row in client.query(references, &[]).await.unwrap() {
        let action: String = row.get(3);
        let action = match action.as_str() {
            "a" => "NO ACTION",
            "c" => "CASCADE",
            "n" => "SET NULL",
            other => panic!("{other}"),
        };
        schema.references.insert((row.get(0), row.get(1), row.get(2), action.to_owned()));
    }
    schema
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_dialects_end_in_the_same_schema() {
    with_database(|target| async move {
        let Target::Postgres(url) = target else { panic!("not a server") };
        let (sqlite, postgres) = (of_sqlite(), of_postgres(&url).await);
        assert!(sqlite.tables.len() >= 15 && sqlite.indexes.len() >= 20, "{sqlite:#?}");
        assert_eq!(sqlite.tables, postgres.tables);
        assert_eq!(sqlite.keys, postgres.keys);
        assert_eq!(sqlite.indexes, postgres.indexes);
        assert_eq!(sqlite.references, postgres.references);
    })
    .await;
}
