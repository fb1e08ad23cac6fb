"""Reads a JSON array of CEF lines and tells, for each, what two packages of other authors make of it."""

import json
import sys

import cefp
import jc

json.dump(
    [
        {"cefp": cefp.parse(line), "jc_raw": jc.parse("cef", line, raw=True), "jc": jc.parse("cef", line)}
        for line in json.load(sys.stdin)
    ],
    sys.stdout,
)
