"""The figures that have a goal as an SVG: a bar to the right of the line is better than the goal."""

import math
from collections.abc import Iterable
from html import escape

from .figure import Figure

WIDTH, LINE, NAME, BAR = 1040, 26, 430, 300
# The axis is logarithmic, from a quarter of the goal to 32 times it.
LOWEST, HIGHEST = 1 / 4, 32

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .met { fill: #1a7f37 } .missed { fill: #cf222e }
line { stroke: #59636e } .grid { stroke: #d1d9e0 } .small { font-size: 11px; fill: #59636e }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .met { fill: #3fb950 } .missed { fill: #f85149 }
line { stroke: #9198a1 } .grid { stroke: #3d444d } .small { fill: #9198a1 } }
""".strip()


def svg(figures: Iterable[Figure]) -> str:
    """One bar for each figure with a goal, and the figure in words beside it."""
    shown = [figure for figure in figures if figure.reach is not None]
    height = LINE * (len(shown) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>How the panel's figures stand to their goals</title><style>{STYLE}</style>",
    ]
    for times in (0.25, 0.5, 1, 2, 4, 8, 16, 32):
        x = _x(times)
        name = "the goal" if times == 1 else f"{times:g} ×"
        parts.append(f'<text class="small" x="{x:.1f}" y="14" text-anchor="middle">{name}</text>')
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{height - LINE}"/>')
    for number, figure in enumerate(shown):
        reach, goal = figure.reach, figure.goal
        if reach is None or goal is None:
            continue
        y = 24 + number * LINE
        left, right = sorted((_x(1), _x(reach)))
        seen = f"{figure.ratio:.2f} ×" if figure.ratio is not None else f"{figure.value:,.3g} {figure.unit}"
        parts += [
            f'<text x="{NAME - 12}" y="{y + 14}" text-anchor="end">{escape(figure.name)}</text>',
            f'<rect class="{"met" if figure.met else "missed"}" x="{left:.1f}" y="{y + 2}" '
            f'width="{max(1.5, right - left):.1f}" height="16" rx="2"/>',
            f'<text x="{NAME + BAR + 14}" y="{y + 14}">{escape(seen)}'
            f'<tspan class="small"> ({escape(goal.words)})</tspan></text>',
        ]
    parts.append(f'<line x1="{_x(1):.1f}" x2="{_x(1):.1f}" y1="20" y2="{height - LINE}"/></svg>')
    return "\n".join(parts) + "\n"


def _x(reach: float) -> float:
    within = min(max(reach, LOWEST), HIGHEST)
    return NAME + BAR * math.log(within / LOWEST) / math.log(HIGHEST / LOWEST)
