"""`make soak`: the long form of tests that `make test` runs for a moment, on all cores.

`python -m tests.soak [histories|fuzz] … [--count N] [--seconds S] [--first N]`. It prints how far it is, then a
table, and exits with 1 when anything was found.
"""

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field

from .parts import PARTS, Part
from .work import begin, work

# How often progress is printed, in seconds.
PROGRESS = 10.0


@dataclass
class Result:
    """What became of one part."""

    name: str
    asked: int
    cases: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.cases / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        verdict = "FAILED" if self.failures else "passed"
        more = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        return (
            f"{self.name:<12} {verdict}  {self.cases:>11,} of {self.asked:>9,}  {self.seconds:8.1f} s  "
            f"{self.rate:9,.1f}/s  {more}"
        )


def run(name: str, part: Part, count: int, seconds: float, first: int) -> Result:
    """Run a part on every core, until all its cases are done, time is over, or something is found."""
    result = Result(name, count)
    began = printed = time.monotonic()
    cores = os.cpu_count() or 1
    batches = iter([(at, min(part.batch, first + count - at)) for at in range(first, first + count, part.batch)])
    running: dict[Future[Counter[str] | str], int] = {}
    with ProcessPoolExecutor(cores, initializer=begin) as pool:
        while True:
            while len(running) < 2 * cores and not result.failures and time.monotonic() < began + seconds:
                batch = next(batches, None)
                if batch is None:
                    break
                running[pool.submit(work, name, *batch)] = batch[1]
            if not running:
                return result
            for done in wait(running, timeout=PROGRESS, return_when=FIRST_COMPLETED).done:
                cases = running.pop(done)
                if isinstance(found := done.result(), str):
                    result.failures.append(found)
                else:
                    result.cases += cases
                    result.counts += found
            result.seconds = time.monotonic() - began
            if time.monotonic() - printed >= PROGRESS:
                printed = time.monotonic()
                print(f"{name}: {result.cases:,} of {count:,}, {result.rate:,.1f}/s", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)} (all)")
    parser.add_argument("--count", type=int, default=None, help="how many cases of each part")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end each part after so long")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case: other numbers, other cases")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    results = []
    for name in options.parts or PARTS:
        part = PARTS[name]
        results.append(run(name, part, options.count or part.count, options.seconds, options.first))
    for result in results:
        for failure in result.failures:
            print(f"\n{result.name} has found:\n{failure}")
    print("", *results, sep="\n")
    return int(any(result.failures for result in results))


if __name__ == "__main__":
    sys.exit(main())
