"""Reads a request in JSON and answers in JSON.

{"yaml": TEXT}: the documents in it, read by an independent YAML reader.
{"tables": …, "functions": …, "queries": …}: the result of each query over these tables, by an
independent KQL engine.
"""

import datetime
import json
import sys

import duckdb_kql
import yaml

TYPES = {"string": "VARCHAR", "int": "INTEGER", "long": "BIGINT", "datetime": "TIMESTAMP"}


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return "" if value is None else str(value)


def answer(connection, functions, query):
    try:
        result = duckdb_kql.query(connection, query["text"], functions=functions)
    except duckdb_kql.KqlUnsupportedError as error:
        return {"unsupported": str(error)}
    rows = [dict(zip(result.columns, map(plain, row))) for row in result.fetchall()]
    return {"rows": rows}


def run(request):
    connection = duckdb_kql.connect()
    for table in request["tables"]:
        columns = ", ".join(f'"{name}" {TYPES[kind]}' for name, kind in table["columns"])
        connection.sql(f'CREATE TABLE "{table["name"]}" ({columns})')
        if table["rows"]:
            marks = ", ".join("?" * len(table["columns"]))
            connection.executemany(f'INSERT INTO "{table["name"]}" VALUES ({marks})', table["rows"])
    return [answer(connection, request["functions"], query) for query in request["queries"]]


request = json.load(sys.stdin)
json.dump(list(yaml.safe_load_all(request["yaml"])) if "yaml" in request else run(request), sys.stdout)
