"""`make bench`: how fast it is, each figure beside what it is held against, in one run; the README shows them.

`python -m tests.bench parsing ingest` runs some benches; without names, all. A bench is a module of this package with
a function `figures`; its docstring says what it measures. Each runs in a process of its own.
"""

import argparse
import importlib
import json
import multiprocessing
import subprocess
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from .figure import Figure, markdown, table
from .plot import svg
from .registry import benches, run

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> None:
    there = benches()
    listed = "\n".join(f"  {name:<10} {words}" for name, words in there.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        epilog=f"benches:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", choices=[[], *there], metavar="bench")
    parser.add_argument("--profile", action="store_true", help="the profile of a bench that has one (ingest), instead")
    options = parser.parse_args()
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"], cwd=ROOT, check=True
    )
    if options.profile:
        for name in options.names:
            print(importlib.import_module(f"tests.bench.{name}").profile())
        return
    figures: list[Figure] = []
    failed: list[str] = []
    spawn = multiprocessing.get_context("spawn")
    for name in options.names or there:
        started = time.monotonic()
        try:
            with ProcessPoolExecutor(1, mp_context=spawn) as alone:
                found = alone.submit(run, name).result()
        except Exception:  # the others can still tell something
            traceback.print_exc()
            failed.append(name)
            continue
        print(f"\n{name}, {time.monotonic() - started:.0f} s: {there[name]}\n{table(found)}", flush=True)
        figures += found
    if failed:
        sys.exit(f"\nNo results are kept, since these benches failed: {', '.join(failed)}")
    if not options.names:  # some benches alone are no result to keep
        print(f"\nAll of it\n{table(figures)}")
        (ROOT / "bench").mkdir(exist_ok=True)
        results = [figure.as_json() for figure in figures]
        (ROOT / "bench" / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        (ROOT / "docs" / "bench.svg").write_text(svg(figures))
        _into_readme(markdown(results))


def _into_readme(table: str) -> None:
    readme = ROOT / "README.md"
    before, start, rest = readme.read_text().partition("<!-- Written by `make bench`. -->\n")
    _former, end, after = rest.partition("\n<!-- Up to here. -->")
    if not end:
        sys.exit("README.md has lost the marks between which its table of figures stands.")
    readme.write_text(f"{before}{start}{table}{end}{after}")


if __name__ == "__main__":
    main()
