#!/usr/bin/env python3
"""Compares the rows of sql/locks.sql, one JSON object a line on stdin, with a report of
`driftgate lock-status`: the same locks, each with the same holder.

  compare_locks.py REPORT < ROWS

Prints how much was compared; a difference ends it with exit 1. Needs Python 3.10.
"""

import json
import sys

FIELDS = ("pid", "classid", "objid", "objsubid", "mode", "granted", "application_name", "state", "query")


def values(row):
    # The server writes an oid as a string.
    return tuple(int(row[field]) if field in ("classid", "objid") else row[field] for field in FIELDS)


def main(report):
    with open(report, encoding="utf-8") as text:
        told = json.load(text)["data"]["locks"]
    told = sorted(values(row) for row in told)
    rows = sorted(values(json.loads(line)) for line in sys.stdin)
    if told != rows:
        sys.exit(f"compare_locks.py: {len(set(told) ^ set(rows))} locks differ")
    print(f"{len(rows)} locks, {len(FIELDS)} fields each: the same as in the report")


if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
    sys.exit(__doc__)
main(sys.argv[1])
