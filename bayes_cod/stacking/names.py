"""How stacks are called: `stack:MEMBER/MEMBER`, and short names for ready-made ones."""

from __future__ import annotations

PREFIX = "stack:"
SEPARATOR = "/"
"""Between members: commas separate methods on the command line, and no method's name has a slash."""

STACKS: dict[str, tuple[str, ...]] = {
    "stack": ("bayes-cod", "bnsl+bootstrap", "olmo-two-step+bootstrap"),
    "cod-flp": ("bayes-cod", "bayes-flp"),
    "stack-points": ("bnsl+bootstrap", "exponential+bootstrap", "passrate+bootstrap", "cod-nomap+bootstrap"),
}
"""Members of the ready-made stacks. A member that a ladder does not suit (no losses, no questions) drops out."""


def members_of(name: str) -> tuple[str, ...] | None:
    """Names of a stack's members, unchecked; None for a name that is no stack's."""
    if name in STACKS:
        return STACKS[name]
    if not name.startswith(PREFIX):
        return None
    return tuple(part.strip() for part in name.removeprefix(PREFIX).split(SEPARATOR))
