"""Numbers as the report prints them."""

from __future__ import annotations

import math
from typing import SupportsFloat

UNKNOWN = "–"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def points(fraction: float) -> str:
    """A score in points."""
    return UNKNOWN if math.isnan(fraction) else f"{100 * fraction:.1f}"


def interval(low: float, high: float) -> str:
    """An interval in points."""
    return UNKNOWN if math.isnan(low) else f"{points(low)} to {points(high)}"


def percent(share: float) -> str:
    """A share in per cent."""
    return UNKNOWN if math.isnan(share) else f"{share:.0%}".replace("%", "\u202f%")


def flops(value: float) -> str:
    """Compute, such as 3.4 × 10²³."""
    if math.isnan(value):
        return UNKNOWN
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def number(value: object, digits: int) -> str:
    """A number with a fixed number of digits; a dash where there is none."""
    if not isinstance(value, SupportsFloat) or math.isnan(float(value)):
        return UNKNOWN
    return f"{float(value):,.{digits}f}"


def probability(share: float) -> str:
    """A probability in per cent; what draws can't tell from 0 or 1 is said so."""
    if math.isnan(share):
        return UNKNOWN
    if share < 0.01:
        return "below 1\u202f%"
    return "above 99\u202f%" if share > 0.99 else percent(share)


def multiple(decades: float) -> str:
    """A distance as a factor of compute, such as 39 or 2.4."""
    factor = 10**decades
    return f"{factor:.1f}" if factor < 9.95 else f"{float(f'{factor:.2g}'):,.0f}"


def rounded(fraction: float, width: float) -> str:
    """A score in points: whole ones, or tenths where the interval is narrower than ten points (`width`, a fraction)."""
    if math.isnan(fraction):
        return UNKNOWN
    return points(fraction) if width < 0.1 else f"{100 * fraction:.0f}"
