"""What a real Alembic says of projects; the tests compare it with what driftgate reads.

Standard input: a JSON list of {"folder": ..., "rows": [...]}. Standard output: for each
project what `alembic heads`, `history` and `current` print and what `upgrade heads` would
apply when the ledger has those rows; or the name of the error.
"""

import io
import json
import os
import sys
import warnings

from alembic import command, util
from alembic.config import Config
from alembic.script import ScriptDirectory

warnings.simplefilter("ignore")
sys.dont_write_bytecode = True

as_comma = util.format_as_comma


def sorted_where_without_order(value):
    return as_comma(sorted(value) if isinstance(value, (set, frozenset)) else value)


util.format_as_comma = sorted_where_without_order


def printed(what, config):
    config.stdout = io.StringIO()
    what(config)
    return config.stdout.getvalue().splitlines()


def say(case):
    os.chdir(case["folder"])
    config = Config("alembic.ini")
    try:
        script = ScriptDirectory.from_config(config)
        rows = tuple(case["rows"])
        steps = script._upgrade_revs("heads", rows)
        return {
            "heads": printed(command.heads, config),
            "history": printed(command.history, config),
            "current": sorted(one.cmd_format(False) for one in script.get_all_current(rows)),
            "pending": [step.revision.revision for step in steps],
        }
    except Exception as error:
        return {"error": type(error).__name__}


json.dump([say(case) for case in json.load(sys.stdin)], sys.stdout)
