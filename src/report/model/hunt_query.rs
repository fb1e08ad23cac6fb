//! A query in the report.

use schemars::JsonSchema;
use serde::Serialize;

/// A query that searches other logs for the indicators that were found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HuntQuery {
    /// The name of the hunt: see `rattap hunt`.
    pub name: String,
    /// The query in KQL, with line feeds.
    pub query: String,
}
