"""What a bench hands back: figures, each beside its goal."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Goal:
    """A bound for a figure's ratio, or for its value where it has none; `words` says it to people."""

    limit: float
    words: str
    is_upper: bool


def at_least(limit: float, of: str) -> Goal:
    """`at_least(3, "× panoramisk")`."""
    return Goal(limit, f"≥ {limit:g} {of}", is_upper=False)


def at_most(limit: float, of: str) -> Goal:
    """`at_most(100, "ms")`."""
    return Goal(limit, f"≤ {limit:g} {of}", is_upper=True)


@dataclass(frozen=True)
class Figure:
    """One line of the table: `value` in `unit`, and `ratio`, how many times that which it is held against."""

    name: str
    value: float
    unit: str
    ratio: float | None = None
    goal: Goal | None = None

    @property
    def reach(self) -> float | None:
        """How many times better than its goal it is; 1 or more is met. None without a goal."""
        if self.goal is None:
            return None
        seen = self.value if self.ratio is None else self.ratio
        if not self.goal.is_upper:
            return seen / self.goal.limit
        return self.goal.limit / seen if seen else float("inf")

    @property
    def met(self) -> bool | None:
        return None if self.reach is None else self.reach >= 1

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "goal": self.goal.words if self.goal else None,
            "met": self.met,
        }


def table(figures: Iterable[Figure]) -> str:
    """The figures in columns: name, value, ratio, goal, and whether it is met."""
    rows = [("", "seen", "ratio", "goal", "")]
    for figure in figures:
        value = f"{figure.value:,.0f}" if abs(figure.value) >= 100 else f"{figure.value:.3g}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} ×"
        met = {None: "", True: "met", False: "MISSED"}[figure.met]
        rows.append((figure.name, f"{value} {figure.unit}", ratio, figure.goal.words if figure.goal else "", met))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:<{widths[3]}}  {row[4]}".rstrip()
        for row in rows
    )


def markdown(results: Iterable[Mapping[str, Any]]) -> str:
    """The results that have a goal, as `bench/results.json` holds them, as a table for the README."""
    lines = ["| | seen | goal | |", "|---|---|---|---|"]
    for result in results:
        if result["goal"] is None:
            continue
        value, ratio = result["value"], result["ratio"]
        seen = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
        times = f", {ratio:.2f} ×" if ratio is not None else ""
        lines.append(
            f"| {result['name']} | {seen} {result['unit']}{times} | {result['goal']} "
            f"| {'met' if result['met'] else '**missed**'} |"
        )
    return "\n".join(lines)
