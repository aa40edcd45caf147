# SPDX-License-Identifier: Apache-2.0
"""What a row yields, and the table that is printed of it."""
import dataclasses
import json


@dataclasses.dataclass
class Figure:
    name: str
    value: float | None  # None: there is no figure, and `note` says why
    unit: str
    budget: float | None = None  # at most; in the unit of `value`
    gate: float | None = None  # deterministic figures only: above it the run fails
    note: str = ""

    @property
    def verdict(self):
        if self.value is None or self.budget is None:
            return ""
        return "met" if self.value <= self.budget else "MISSED"

    @property
    def fails(self):
        return self.gate is not None and self.value is not None and self.value > self.gate


def absent(name, what):
    """A peer that is not there: said, never skipped."""
    return Figure(name, None, "", note=f"{what}: not installed")


def formatted(value):
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def line(figure):
    budget = "" if figure.budget is None else f"<= {figure.budget:g}"
    text = f"{figure.name:<46} {formatted(figure.value):>10} {figure.unit:<12} {budget:<9} {figure.verdict:<7} {figure.note}"
    return text.rstrip() + ("  GATE" if figure.fails else "")


def heading(row):
    return f"\n== {row}\n{'name':<46} {'value':>10} {'unit':<12} {'budget':<9} {'':<7} note"


def as_json(rows):
    result = []
    for row, figures in rows:
        for figure in figures:
            met = figure.verdict == "met" if figure.verdict else None
            result.append({"row": row, **dataclasses.asdict(figure), "met": met})
    return json.dumps(result, indent=1)
