// Reads a request in JSON. Answers in JSON with the diagnostics of Microsoft's own KQL parser for each
// query, with these tables and functions declared, and with the value of each string literal.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// Run from the folder that has the package.
const require = createRequire(process.cwd() + "/");
require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");
const { GlobalState, KustoCode, KustoFacts, Symbols } = Kusto.Language;

const request = JSON.parse(readFileSync(0, "utf8"));
const tables = request.tables.map(({ name, columns }) => {
  const schema = columns.map(([column, type]) => `['${column}']:${type}`).join(", ");
  return new Symbols.TableSymbol.$ctor7(name, `(${schema})`, null);
});
const functions = request.functions.map(
  ({ name, parameters, body }) => new Symbols.FunctionSymbol.$ctor16(name, `(${parameters})`, `{ ${body} }`, null),
);
const database = new Symbols.DatabaseSymbol.ctor("workspace", [...tables, ...functions]);
const globals = GlobalState.Default.WithDatabase(database);

const diagnostics = request.queries.map(({ text }) => {
  const found = KustoCode.ParseAndAnalyze(text, globals).GetDiagnostics();
  return Array.from({ length: found.Count }, (_, index) => found.getItem(index)).map(
    ({ Message, Start }) => `${Message} at ${Start}: ${text.slice(Start, Start + 40)}`,
  );
});
const literals = request.literals.map((literal) => KustoFacts.GetStringLiteralValue(literal));
process.stdout.write(JSON.stringify({ diagnostics, literals }));
