//! A hunt as a scheduled analytics rule of Microsoft Sentinel, in the form of the rules that its public repository holds.

/// How often a rule runs, and how far back it looks: nothing is looked at twice, and nothing missed.
const EVERY: &str = "1h";
/// MITRE ATT&CK: remote access software; web protocols; dynamic resolution.
const TECHNIQUES: [&str; 3] = ["T1219", "T1071.001", "T1568"];

/// What a rule has beside its query.
#[derive(Debug)]
pub(super) struct Rule {
    /// A GUID, made once.
    pub(super) id: &'static str,
    pub(super) severity: Severity,
    /// What has to be connected: a connector, and the table it fills.
    pub(super) connectors: &'static [(&'static str, &'static str)],
    pub(super) entities: &'static [Entity],
}

/// How grave an alert is.
#[derive(Debug)]
pub(super) enum Severity {
    /// Always the same.
    Fixed(&'static str),
    /// As the column `AlertSeverity` says.
    ByRow {
        /// What the rule itself is filed under.
        otherwise: &'static str,
    },
}

/// Which column names what.
#[derive(Debug)]
pub(super) struct Entity {
    kind: &'static str,
    identifier: &'static str,
    column: &'static str,
}

impl Entity {
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

impl Rule {
    /// The columns that it names.
    #[cfg(test)]
    pub(super) fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.entities.iter().map(|entity| entity.column)
    }

    /// The rule as a YAML document. `title` is plain text, `query` lines of printable text.
    pub(super) fn yaml(&self, title: &str, query: &str) -> String {
        let Self { id, severity, connectors, entities } = self;
        let filed = match severity {
            Severity::Fixed(severity) | Severity::ByRow { otherwise: severity } => severity,
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
        line(&format!("severity: {filed}"));
        line("status: Available");
        line("requiredDataConnectors:");
        for (connector, table) in *connectors {
            line(&format!("  - connectorId: {connector}\n    dataTypes:\n      - {table}"));
        }
        line(&format!("queryFrequency: {EVERY}\nqueryPeriod: {EVERY}\ntriggerOperator: gt\ntriggerThreshold: 0"));
        line("tactics:\n  - CommandAndControl\nrelevantTechniques:");
        for technique in TECHNIQUES {
            line(&format!("  - {technique}"));
        }
        line("query: |");
        for text in query.lines() {
            line(&format!("  {text}"));
        }
        line("entityMappings:");
        for Entity { kind, identifier, column } in *entities {
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
