"""Bar charts as SVG text, for documents: panels below each other, bars in groups, values beside.

Our own, as matplotlib would be a dependency of 30 MB for some rectangles, and writes an identifier
and a date into its files, so that the same figures would not give the same file.
"""

from dataclasses import dataclass
from html import escape

WIDTH = 760
_LEFT, _RIGHT = 70, 90
_BAR, _GAP, _GROUP_GAP = 15, 3, 12
_FONT = 'font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif"'


@dataclass(frozen=True)
class Series:
    """One kind of bar: its name in the legend and its colour."""

    name: str
    colour: str


@dataclass(frozen=True)
class Panel:
    """groups: name of a group -> one value for each series."""

    title: str
    unit: str
    groups: dict[str, tuple[int, ...]]


def svg(title: str, series: tuple[Series, ...], panels: tuple[Panel, ...]) -> str:
    """The whole picture. In every panel, zero is at the left and the largest bar fills it."""
    parts: list[str] = []
    y = 30
    parts.append(_text(16, y, title, size=17, weight=600))
    y += 14
    for one in series:
        y += 18
        parts.append(_rectangle(16, y - 11, 14, 12, one.colour))
        parts.append(_text(37, y, one.name, size=13))
    for panel in panels:
        y += 40
        parts.append(_text(16, y, f"{panel.title}, {panel.unit}", size=14, weight=600))
        y += 10
        y = _bars(parts, panel, series, y)
    height = y + 10
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" {_FONT}>'
    )
    ground = _rectangle(0, 0, WIDTH, height, "#ffffff")
    return "\n".join([head, ground, *parts, "</svg>"]) + "\n"


def _bars(parts: list[str], panel: Panel, series: tuple[Series, ...], y: int) -> int:
    most = max(value for values in panel.groups.values() for value in values)
    for group, values in panel.groups.items():
        middle = y + (len(series) * (_BAR + _GAP) - _GAP) // 2 + 5
        parts.append(_text(_LEFT - 8, middle, group, size=13, anchor="end"))
        for value, one in zip(values, series, strict=True):
            width = round((WIDTH - _LEFT - _RIGHT) * value / most)
            parts.append(_rectangle(_LEFT, y, width, _BAR, one.colour))
            parts.append(_text(_LEFT + width + 6, y + 12, f"{value:,}", size=12))
            y += _BAR + _GAP
        y += _GROUP_GAP
    return y - _GROUP_GAP


def _rectangle(x: int, y: int, width: int, height: int, colour: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{colour}"/>'


def _text(
    x: int, y: int, text: str, *, size: int, weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}" fill="#1b1f24">{escape(text)}</text>'
    )
