"""`python -m bench [NAME …] [--quick]`: run benchmarks, print ratios, keep the results."""

from __future__ import annotations

import argparse
import importlib
import sys

from bench.figures import save

BENCHMARKS = (
    *("press", "memory", "core", "ingest", "pages", "verify", "outage", "size", "soak", "resync"),
)


def main() -> int:
    """Run the named benchmarks, or all; exit 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes; results are not kept")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"expected names of {', '.join(BENCHMARKS)}, got {', '.join(unknown)}")
    missed = 0
    for name in arguments.names or BENCHMARKS:
        print(f"running {name} …", file=sys.stderr)
        figures = importlib.import_module(f"bench.{name}").run(quick=arguments.quick)
        print(save(name, figures, keep=not arguments.quick))
        missed += sum(figure.is_met is False for figure in figures)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
