"""`python -m tests.bench [row ...] [--quick] [--json FILE]`: run rows one after the other and print the table."""

import argparse
import sys
from pathlib import Path

import orjson

from tests.bench import intake, lists, meanwhile, million, pages, push, stream
from tests.bench.exchange import POSTGRES
from tests.bench.report import Row, machine, progress, table

GROUPS = {
    "validate": intake.validate,
    "feed": intake.feed,
    "growth": intake.growth,
    "million": million.rows,
    "meanwhile": meanwhile.rows,
    "list": lists.rows,
    "filter": lists.filtered,
    "bytes": lists.bytes_rows,
    "pushed": stream.pushed,
    "fan-out": stream.fan_out,
    "stream-memory": stream.memory,
    "webhooks": push.webhooks,
    "matching": push.matching,
    "pages": pages.rows,
}


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Figures beside their limits and peers, in one run."
    )
    parser.add_argument("row", nargs="*", metavar="row", help=f"any of {', '.join(GROUPS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="smaller amounts: to see that it runs, not to quote")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each row; medians are shown (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every round to this file")
    asked = parser.parse_args()
    unknown = [name for name in asked.row if name not in GROUPS]
    if unknown:
        parser.error(f"there is no row {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    rows: list[Row] = []
    try:
        for name in asked.row or GROUPS:
            progress(name)
            found = GROUPS[name](quick=asked.quick, rounds=asked.rounds)
            rows += found
            print(table(found), flush=True)
    finally:
        POSTGRES.stop()
    if len(asked.row) != 1:
        print("\n" + "=" * 110 + "\n" + table(rows))
    if asked.json:
        document = {"machine": machine(), "quick": asked.quick, "rows": [row.to_dict() for row in rows]}
        asked.json.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
