"""One thread for linear algebra, whatever the environment says.

Chains and jobs already take a core each; their arrays are small, and threads of BLAS or OpenMP within them wait for
each other most of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread; as a context, or called once as a decorator."""
    with threadpool_limits(limits=1):
        yield
