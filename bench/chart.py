"""A chart of a long run, as SVG: memory and work for each alert, over the alerts delivered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bench.figures import Sample

Point = tuple[float, float]

WIDTH, HEIGHT, LEFT, TOP, GAP = 760, 190, 64, 40, 64
COLOURS = ("#1f6feb", "#d1570a", "#2da44e")
STYLE = 'font-family="sans-serif" font-size="12" fill="#24292f"'
SMOOTHED = 5
"""So many stretches between samples make one point of the work: the system counts CPU in hundredths of a second."""


@dataclass(frozen=True)
class _Panel:
    """One chart of the two."""

    title: str
    unit: str
    lines: Mapping[str, Sequence[Point]]
    top: int

    @property
    def most(self) -> float:
        """The end of the upright scale."""
        return _rounded_up(max((y for points in self.lines.values() for _, y in points), default=1.0))

    def drawn(self, width: float) -> list[str]:
        """Its elements; ``width`` is the end of the lying scale."""
        bottom, most = self.top + HEIGHT, self.most
        parts = [f'<text x="{LEFT}" y="{self.top - 14}" font-weight="bold">{escape(self.title)}</text>']
        for step in range(5):
            share = step / 4
            y = bottom - share * HEIGHT
            parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{LEFT + WIDTH}" y2="{y:.1f}" stroke="#d0d7de"/>')
            label = f"{share * most:g} {self.unit}"
            parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
            x = LEFT + share * WIDTH
            parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{share * width:,.0f}</text>')
        for colour, (name, points) in zip(COLOURS, self.lines.items()):
            where = " ".join(f"{LEFT + x / width * WIDTH:.1f},{bottom - y / most * HEIGHT:.1f}" for x, y in points)
            title = f"<title>{escape(name)}</title>"
            parts.append(
                f'<polyline points="{where}" fill="none" stroke="{colour}" stroke-width="2">{title}</polyline>'
            )
        return parts


def drawn(samples: Mapping[str, Sequence[Sample]]) -> str:
    """The chart of one run for each Python."""
    memory = {name: [(float(s.delivered), s.megabytes) for s in several] for name, several in samples.items()}
    work = {name: _work(several) for name, several in samples.items()}
    width = float(max(sample.delivered for several in samples.values() for sample in several))
    panels = (
        _Panel("Resident memory of the process", "MB", memory, TOP),
        _Panel("CPU for each alert", "ms", work, TOP + HEIGHT + GAP),
    )
    full_width, full_height = LEFT + WIDTH + 40, TOP + 2 * HEIGHT + GAP + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full_width} {full_height}" {STYLE}>',
        f'<rect width="{full_width}" height="{full_height}" fill="#ffffff"/>',
    ]
    for panel in panels:
        parts += panel.drawn(width)
    for checkpoint, (colour, name) in enumerate(zip(COLOURS, samples)):
        x = LEFT + WIDTH - 110 * (len(samples) - checkpoint)
        parts.append(f'<rect x="{x}" y="12" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{x + 20}" y="18">Python {escape(name)}</text>')
    parts.append(f'<text x="{LEFT + WIDTH}" y="{full_height - 4}" text-anchor="end">alerts delivered</text>')
    return "\n".join([*parts, "</svg>\n"])


def _work(samples: Sequence[Sample]) -> list[Point]:
    pairs = zip(samples, samples[SMOOTHED:])
    return [
        (float(late.delivered), 1000 * (late.cpu_seconds - early.cpu_seconds) / (late.delivered - early.delivered))
        for early, late in pairs
    ]


def _rounded_up(number: float) -> float:
    """The next of 1, 2, 4, 8 times a power of ten."""
    scale = 10.0 ** math.floor(math.log10(number or 1.0))
    return next(scale * step for step in (1, 2, 4, 8, 10) if scale * step >= number)
