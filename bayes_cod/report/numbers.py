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
    return UNKNOWN if math.isnan(share) else f"{share:.0%}".replace("%", "\u2009%")


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
