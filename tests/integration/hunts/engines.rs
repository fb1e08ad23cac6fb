//! The engines: `duckdb-kql` runs the hunts, Microsoft's own parser reads them, `pyyaml` reads the
//! rules.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::tables::Table;
use crate::node::{self, Node};
use crate::python;

/// The versions that these tests were written for.
const PYTHON_PACKAGES: [&str; 2] = ["duckdb-kql[duckdb]==1.1.2", "pyyaml==6.0.3"];
const PARSER: [&str; 2] = ["@kusto/language-service-next", "12.4.1"];

/// A query with its name.
#[derive(Debug, Clone)]
pub struct Query {
    pub name: String,
    pub text: String,
}

impl Query {
    pub fn new(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), text: text.into() }
    }
}

/// A row by its columns, all as text.
pub type Row = HashMap<String, String>;

/// The result of a query.
#[derive(Debug)]
pub enum Answer {
    Rows(Vec<Row>),
    /// The engine does not support something in it.
    Unsupported(String),
}

/// A function of the workspace: a view of one of its tables.
pub struct Function {
    pub name: &'static str,
    /// The parameters as declared in its reference.
    pub parameters: &'static str,
    /// The parameters that the engine supports: those without names.
    pub in_engine: &'static str,
    pub table: &'static str,
}

/// The tables and functions that queries use.
pub struct Workspace {
    pub tables: Vec<Table>,
    pub functions: Vec<Function>,
}

impl Workspace {
    fn tables(&self) -> Vec<Value> {
        self.tables.iter().map(Table::to_json).collect()
    }

    /// Runs queries with the Python of [`python`](fn@python).
    pub fn run(&self, python: &Path, queries: &[Query]) -> Vec<Answer> {
        let functions = self.functions.iter().map(|Function { name, in_engine, table, .. }| {
            format!(".create function {name}({in_engine}) {{ {table} }}")
        });
        let functions: Vec<_> = functions.collect();
        let queries = to_json(queries);
        let request = json!({ "tables": self.tables(), "functions": functions, "queries": queries });
        let answers = ask_python(python, &request);
        let answers = answers.as_array().unwrap().iter().map(|answer| match answer["unsupported"].as_str() {
            Some(reason) => Answer::Unsupported(reason.to_owned()),
            None => Answer::Rows(serde_json::from_value(answer["rows"].clone()).unwrap()),
        });
        answers.collect()
    }

    /// Returns what Microsoft's parser reports for each query, and what it reads from each string
    /// literal.
    pub fn diagnose(&self, node: &Node, queries: &[Query], literals: &[String]) -> (Vec<Vec<String>>, Vec<String>) {
        let functions = self.functions.iter().map(
            |Function { name, parameters, table, .. }| json!({ "name": name, "parameters": parameters, "body": table }),
        );
        let functions: Vec<_> = functions.collect();
        let queries = to_json(queries);
        let request =
            json!({ "tables": self.tables(), "functions": functions, "queries": queries, "literals": literals });
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/hunts.mjs");
        let answer = ask(Command::new(&node.program).arg(script).current_dir(&node.folder), &request);
        let list = |name: &str| answer[name].clone();
        (serde_json::from_value(list("diagnostics")).unwrap(), serde_json::from_value(list("literals")).unwrap())
    }
}

fn to_json(queries: &[Query]) -> Vec<Value> {
    queries.iter().map(|Query { name, text }| json!({ "name": name, "text": text })).collect()
}

/// The documents of a YAML text.
pub fn yaml_documents(python: &Path, text: &str) -> Vec<Value> {
    serde_json::from_value(ask_python(python, &json!({ "yaml": text }))).unwrap()
}

fn ask_python(python: &Path, request: &Value) -> Value {
    ask(Command::new(python).args(["-c", include_str!("../hunts.py")]), request)
}

/// Sends a request to a program that reads all of it before it writes.
fn ask(command: &mut Command, request: &Value) -> Value {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), request).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The Python that has the engine, or the reason why there is none. It is set up once, even if
/// several tests ask.
pub fn python() -> Result<PathBuf, String> {
    static PYTHON: LazyLock<Result<PathBuf, String>> =
        LazyLock::new(|| python::with_packages("hunt-engine", "duckdb, duckdb_kql, yaml", &PYTHON_PACKAGES));
    PYTHON.clone()
}

/// The Node.js that has the parser, or the reason why there is none. It is set up once as well.
pub fn node() -> Result<Node, String> {
    static SET_UP: LazyLock<Result<Node, String>> =
        LazyLock::new(|| node::with_package("hunt-parser", PARSER[0], PARSER[1]));
    SET_UP.clone()
}
