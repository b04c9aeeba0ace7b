#!/usr/bin/env python3
"""Tells whether a baseline query returns what `driftgate inventory` reports.

  compare_inventory.py REPORT     the report as JSON; the query's rows on stdin, as JSON, one a
                                  line

Every column of the query is compared; of an index, what the query tells of it. A difference
ends it with status 1: two sides that answer different questions cannot be timed against each
other. Needs Python 3.10 and nothing else.
"""

import json
import sys

LISTS = ("indexes", "depends_on", "dependents")


def expected(view, column, value):
    """Returns what the report says, in the form of the query's value."""
    if column in ("sha256", "server_major"):
        return view["fingerprint"][column]
    if column == "indexes":
        # Both are sorted by name.
        return [
            {key: index[key] for key in row}
            for index, row in zip(view["indexes"], value, strict=True)
        ]
    return view[column]


def main(report):
    with open(report, encoding="utf-8") as text:
        views = {view["name"]: view for view in json.load(text)["data"]["matviews"]}
    rows = [json.loads(line) for line in sys.stdin if line.strip()]
    if len(rows) != len(views):
        sys.exit(f"compare_inventory.py: {len(views)} views reported, {len(rows)} rows")
    for row in rows:
        view = views[row["name"]]
        for column, value in row.items():
            # The query has null where nothing was aggregated.
            value = [] if value is None and column in LISTS else value
            told = expected(view, column, value)
            if told != value:
                sys.exit(
                    f"compare_inventory.py: {row['name']}, {column}: "
                    f"{told!r} reported, {value!r} in the query"
                )
    print(f"{len(rows)} rows agree in {', '.join(rows[0])}")


if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
    sys.exit(__doc__)
main(sys.argv[1])
