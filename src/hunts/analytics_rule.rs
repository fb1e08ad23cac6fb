//! Scheduled analytics rules of Microsoft Sentinel, in the YAML form of its public repository.

/// The interval at which a rule runs, and the period that it queries. They are equal, so that each
/// event is queried once.
const INTERVAL: &str = "1h";
/// MITRE ATT&CK techniques: remote access software, web protocols and dynamic resolution.
const TECHNIQUES: [&str; 3] = ["T1219", "T1071.001", "T1568"];

/// The parts of a rule other than its query.
#[derive(Debug)]
pub(super) struct AnalyticsRule {
    /// A GUID.
    pub(super) id: &'static str,
    pub(super) severity: Severity,
    /// The required data connectors, each with the table that it fills.
    pub(super) connectors: &'static [(&'static str, &'static str)],
    pub(super) entities: &'static [EntityMapping],
}

/// The severity of the rule's alerts.
#[derive(Debug)]
pub(super) enum Severity {
    /// The same for all alerts.
    Fixed(&'static str),
    /// The value of the column `AlertSeverity`.
    ByRow {
        /// The severity of the rule itself.
        default: &'static str,
    },
}

/// The column that identifies an entity.
#[derive(Debug)]
pub(super) struct EntityMapping {
    kind: &'static str,
    identifier: &'static str,
    column: &'static str,
}

impl EntityMapping {
    pub(super) const fn address(column: &'static str) -> Self {
        Self { kind: "IP", identifier: "Address", column }
    }

    pub(super) const fn host(column: &'static str) -> Self {
        Self { kind: "Host", identifier: "FullName", column }
    }

    pub(super) const fn domain(column: &'static str) -> Self {
        Self { kind: "DNS", identifier: "DomainName", column }
    }

    pub(super) const fn process(column: &'static str) -> Self {
        Self { kind: "File", identifier: "Name", column }
    }
}

impl AnalyticsRule {
    /// The columns of the entity mappings.
    #[cfg(test)]
    pub(super) fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.entities.iter().map(|entity| entity.column)
    }

    /// The rule as a YAML document. `title` is plain text, `query` is lines of printable text.
    pub(super) fn yaml(&self, title: &str, query: &str) -> String {
        let Self { id, severity, connectors, entities } = self;
        let default_severity = match severity {
            Severity::Fixed(severity) | Severity::ByRow { default: severity } => severity,
        };
        let mut yaml = String::new();
        let mut line = |text: &str| {
            yaml.push_str(text);
            yaml.push('\n');
        };
        line(&format!("id: {id}"));
        line(&format!("name: 'NetSupport RAT: {title}'"));
        line("description: |");
        line(&format!("  {title}. One row for each client and indicator."));
        line(&format!("severity: {default_severity}"));
        line("status: Available");
        line("requiredDataConnectors:");
        for (connector, table) in *connectors {
            line(&format!("  - connectorId: {connector}\n    dataTypes:\n      - {table}"));
        }
        line(&format!("queryFrequency: {INTERVAL}\nqueryPeriod: {INTERVAL}\ntriggerOperator: gt\ntriggerThreshold: 0"));
        line("tactics:\n  - CommandAndControl\nrelevantTechniques:");
        for technique in TECHNIQUES {
            line(&format!("  - {technique}"));
        }
        line("query: |");
        for text in query.lines() {
            line(&format!("  {text}"));
        }
        line("entityMappings:");
        for EntityMapping { kind, identifier, column } in *entities {
            line(&format!(
                "  - entityType: {kind}\n    fieldMappings:\n      - identifier: {identifier}\n        columnName: {column}"
            ));
        }
        if matches!(severity, Severity::ByRow { .. }) {
            line("alertDetailsOverride:\n  alertSeverityColumnName: AlertSeverity");
        }
        line(concat!("version: ", env!("CARGO_PKG_VERSION")));
        line("kind: Scheduled");
        yaml
    }
}
