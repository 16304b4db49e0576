"""Geometry for templates: values become SVG attributes here, so templates need no arithmetic and no inline style."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

Number: TypeAlias = int | float
SPARK_WIDTH, SPARK_HEIGHT, _SPARK_MARGIN = 120, 32, 2

_GAUGE_WORDS: dict[str, Promise] = {
    "sold": pgettext_lazy("stock", "Paid"),
    "held": pgettext_lazy("stock", "Waiting for payment"),
    "proof": pgettext_lazy("stock", "Payment to be checked"),
    "left": pgettext_lazy("stock", "Left"),
}


@dataclass(frozen=True, slots=True)
class GaugePart:
    """One piece of the bar: `x` and `width` are percent of the whole as SVG attribute values."""

    key: str
    label: Promise
    value: int
    x: str
    width: str


def share_of(value: Number | None, whole: Number | None) -> str:
    """`value` as percent of `whole` for an SVG width, from "0.00" to "100.00"; "0.00" when there is no whole."""
    if not whole or value is None:
        return "0.00"
    return f"{min(max(value / whole, 0), 1) * 100:.2f}"


def gauge_parts(counts: Mapping[str, int]) -> list[GaugePart]:
    """Sold, waiting for payment, to be checked and left, side by side; absent counts are not shown."""
    shown = [(key, counts[key]) for key in _GAUGE_WORDS if counts.get(key) is not None]
    whole = sum(value for _, value in shown)
    parts, before = [], 0
    for key, value in shown:
        parts.append(GaugePart(key, _GAUGE_WORDS[key], value, share_of(before, whole), share_of(value, whole)))
        before += value
    return parts


def sparkline(values: Sequence[Number | None] | None) -> str:
    """SVG path of a small line in a box of 120 x 32; a gap where a value is None; "" with fewer than two values."""
    known = [value for value in values or () if value is not None]
    if values is None or len(known) < 2:
        return ""
    low, high = min(known), max(known)
    step = (SPARK_WIDTH - 2 * _SPARK_MARGIN) / (len(values) - 1)
    commands, is_drawing = [], False
    for index, value in enumerate(values):
        if value is not None:
            x = _SPARK_MARGIN + index * step
            commands.append(f"{'L' if is_drawing else 'M'}{x:.1f} {_spark_y(value, low, high):.1f}")
        is_drawing = value is not None
    return " ".join(commands)


def _spark_y(value: Number, low: Number, high: Number) -> float:
    room = SPARK_HEIGHT - 2 * _SPARK_MARGIN
    height = 0.5 if high == low else (value - low) / (high - low)
    return SPARK_HEIGHT - _SPARK_MARGIN - height * room


def chart_payload(chart: Mapping[str, Any]) -> dict[str, Any]:
    """What the script of the page needs to draw a chart; the page carries it as JSON."""
    return {
        "kind": chart.get("kind", "line"),
        "unit": str(chart.get("unit", "")),
        "labels": [str(label) for label in chart["labels"]],
        "series": [
            {"name": str(one["name"]), "values": list(one["values"]), "isPrevious": bool(one.get("is_previous"))}
            for one in chart["series"]
        ],
    }


def chart_rows(chart: Mapping[str, Any]) -> list[tuple[str, list[Number | None]]]:
    """The chart as table rows: (label, one value per series)."""
    columns = [one["values"] for one in chart["series"]]
    return [
        (str(label), [column[index] if index < len(column) else None for column in columns])
        for index, label in enumerate(chart["labels"])
    ]
