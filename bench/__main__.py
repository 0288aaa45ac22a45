"""`python -m bench [NAME …] [--quick]`: run benchmarks, print ratios, keep the results."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from bench.figures import save

BENCHMARKS = (
    *("press", "memory", "core", "ingest", "pages", "viewers", "verify", "outage", "size"),
    *("soak", "resync"),
)


def main() -> int:
    """Run the named benchmarks, or all; exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes; results are not kept")
    parser.add_argument("--ledgers", type=Path, metavar="FOLDER", help="keep made ledgers there")
    parser.add_argument("--records", type=int, help="of the largest ledger")
    parser.add_argument("--minutes", type=float, default=0, help="how much longer viewers stay")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"expected names of {', '.join(BENCHMARKS)}, got {', '.join(unknown)}")
    missed = 0
    for name in arguments.names or BENCHMARKS:
        print(f"running {name} …", file=sys.stderr)
        module = importlib.import_module(f"bench.{name}")
        options = {option: getattr(arguments, option) for option in getattr(module, "OPTIONS", ())}
        figures = module.run(quick=arguments.quick, **options)
        print(save(name, figures, keep=not arguments.quick))
        missed += sum(figure.is_met is False for figure in figures)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
