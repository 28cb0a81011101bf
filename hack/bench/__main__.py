"""aimctrl beside controller-runtime and kopf on one real API server: `make bench`; docs/benchmarks.md says the rest."""

import argparse
import json
import sys
from dataclasses import replace

from bench.programs import GO, KOPF, OURS, version
from bench.report import GOALS, table
from bench.suite import CASES, SIZES, Suite

_WORDS = """Medians of rounds in which the programs take turns. CPU, memory and writes are firm; wall-clock needs a
quiet machine. The peer on controller-runtime is built with Go, that on kopf installed with uv, both into the cache."""


def _main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=_WORDS)
    parser.add_argument(
        "--size",
        choices=SIZES,
        default="small",
        help="small takes minutes and shows that all works; the goals are those of the others, which take long",
    )
    parser.add_argument("--cases", default=",".join(CASES), help="which of %(default)s, in this order")
    parser.add_argument("--programs", default=f"{OURS},{GO},{KOPF}", help="which of %(default)s")
    parser.add_argument("--rounds", type=int, default=0, help="how often each is measured")
    parser.add_argument("--python", default=sys.executable, help="what the peers in Python are run by; %(default)s")
    given = parser.parse_args()
    print(json.dumps({"python": version(given.python)}), flush=True)
    size = SIZES[given.size]
    suite = Suite(replace(size, rounds=given.rounds or size.rounds), tuple(given.programs.split(",")), given.python)
    for case in given.cases.split(","):
        suite.run(case)
    print(table(suite.measured, GOALS if given.size != "small" else ()))


if __name__ == "__main__":
    _main()
