"""The threshold curve as a picture: one SVG file that opens in any browser, offline, and is the same to the byte.

In: `quality.CURVE` and the thresholds that the workspace has. Out: the text of the file. It has a title and a
description for who cannot see it, units on its axes, and its lines are told apart by words and dashes, not by colour
alone. It is written by hand, for a picture of two lines is less than a library for pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import polars as pl

WIDTH, HEIGHT = 820, 480
LEFT, RIGHT, TOP, BOTTOM = 80, 150, 70, 70
INK, QUIET = "#1a1a1a", "#d0d0d0"
STEPS = (1, 2, 5, 10, 20)
"""Percent between two lines of the grid: the first with which there are no more than ten."""


def threshold_chart(curve: pl.DataFrame, thresholds: Mapping[str, int]) -> str:
    """The chart of a curve, with an upright line at each threshold (`confirmed_from`: bits)."""
    return "\n".join(_lines(curve, thresholds)) + "\n"


class _Scale:
    """Bits and shares as places in the picture."""

    def __init__(self, curve: pl.DataFrame) -> None:
        self.first, self.last = (int(curve["from_bits"][place]) for place in (0, -1))
        # Where nothing is known the interval is all there is, and would flatten everything else.
        known = [curve.drop_nulls(name)[f"{name}_least"] for name in SERIES]
        lowest = 100 * min((low for lows in known for low in lows), default=0.0)
        self.step = next((step for step in STEPS if (100 - lowest) / step <= 10), STEPS[-1])
        self.bottom = int(lowest // self.step) * self.step

    def x(self, bits: float) -> float:
        return LEFT + (bits - self.first) / (self.last - self.first) * (WIDTH - LEFT - RIGHT)

    def y(self, percent: float) -> float:
        return HEIGHT - BOTTOM - (percent - self.bottom) / (100 - self.bottom) * (HEIGHT - TOP - BOTTOM)


SERIES = {
    "precision": ("precision if", "confirmed from here", "#0b5394", ""),
    "recall": ("recall if", "possible from here", "#a64d00", "7 4"),
}
"""The two lines: what is written at their end, their colour, and their dashes."""


def _lines(curve: pl.DataFrame, thresholds: Mapping[str, int]) -> Iterator[str]:
    scale = _Scale(curve)
    title = "Precision and recall of the pass by weight, by the threshold"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-labelledby="title description" font-family="sans-serif" font-size="13">'
    )
    yield f'<title id="title">{title}</title>'
    yield f'<desc id="description">{escape(_said(curve, thresholds))}</desc>'
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    yield _text(LEFT, 28, title, size=17)
    yield _text(LEFT, 48, "Records that no earlier pass confirms. The pale bands are 95 % intervals.")
    yield from _grid(scale)
    yield from _thresholds(scale, thresholds)
    ends: list[float] = []
    for name, (*words, colour, dashes) in SERIES.items():
        points = _points(curve, name)
        if not points:
            continue
        yield from _band(scale, curve, name, colour)
        path = " ".join(f"{scale.x(bits):.1f},{scale.y(percent):.1f}" for bits, percent in points)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"{dashed}/>'
        end = _apart(scale.y(points[-1][1]), ends)
        ends.append(end)
        for place, word in enumerate(words):
            yield _text(scale.x(points[-1][0]) + 8, end + 4 + 15 * place, word, colour=colour)
    yield "</svg>"


def _points(curve: pl.DataFrame, name: str) -> list[tuple[int, float]]:
    return [(bits, 100 * share) for bits, share in curve.select("from_bits", name).drop_nulls().iter_rows()]


def _band(scale: _Scale, curve: pl.DataFrame, name: str, colour: str) -> Iterator[str]:
    known = curve.drop_nulls(name)
    upper, lower = (
        [f"{scale.x(bits):.1f},{scale.y(100 * share):.1f}" for bits, share in known.select("from_bits", column).rows()]
        for column in (f"{name}_most", f"{name}_least")
    )
    yield f'<polygon points="{" ".join([*upper, *reversed(lower)])}" fill="{colour}" fill-opacity="0.12"/>'


def _apart(wanted: float, taken: Sequence[float]) -> float:
    """Where a label of two lines stands so that it is on no other."""
    close = [other for other in taken if abs(wanted - other) < 34]
    return close[0] + 34 if close else wanted


def _grid(scale: _Scale) -> Iterator[str]:
    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
    for percent in range(scale.bottom, 101, scale.step):
        y = scale.y(percent)
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="{QUIET}"/>'
        yield _text(LEFT - 8, y + 4, f"{percent} %", anchor="end")
    for bits in range(-(-scale.first // 10) * 10, scale.last + 1, 10):
        x = scale.x(bits)
        yield f'<line x1="{x:.1f}" y1="{floor}" x2="{x:.1f}" y2="{floor + 5}" stroke="{INK}"/>'
        yield _text(x, floor + 20, str(bits), anchor="middle")
    yield f'<line x1="{LEFT}" y1="{floor}" x2="{right}" y2="{floor}" stroke="{INK}"/>'
    yield _text((LEFT + right) / 2, HEIGHT - 22, "Threshold: match weight, in bits", anchor="middle")
    middle = (TOP + floor) / 2
    share = _text(22, middle, "Share of labelled records, in per cent", anchor="middle")
    yield share.replace("<text ", f'<text transform="rotate(-90 22 {middle:.1f})" ')


def _thresholds(scale: _Scale, thresholds: Mapping[str, int]) -> Iterator[str]:
    for place, (name, bits) in enumerate(sorted(thresholds.items())):
        if scale.first <= bits <= scale.last:
            x = scale.x(bits)
            yield (
                f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="{INK}" '
                'stroke-dasharray="2 3"/>'
            )
            yield _text(x + 5, HEIGHT - BOTTOM - 12 - 16 * place, f"{name} = {bits}")


def _text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = INK, size: int = 13) -> str:
    of_size = "" if size == 13 else f' font-size="{size}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{of_size}>{escape(words)}</text>'


def _said(curve: pl.DataFrame, thresholds: Mapping[str, int]) -> str:
    """What the picture shows, in words: the figures at each threshold of the workspace."""
    told = []
    for name, bits in sorted(thresholds.items()):
        column = "precision" if name == "confirmed_from" else "recall"
        for (share,) in curve.filter(pl.col("from_bits") == bits).select(column).drop_nulls().iter_rows():
            told.append(f"At {name} = {bits} bits the {column} is {100 * share:.2f} %.")
    return " ".join(told or ["Neither threshold of the workspace is on the curve."])
