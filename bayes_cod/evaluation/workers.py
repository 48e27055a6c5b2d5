"""Where many fits run: in this process, in several of this machine, or on a Dask cluster, all through joblib."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import joblib

from bayes_cod.errors import InputError
from bayes_cod.evaluation.jobs import code_version

ARRIVAL = 60
"""Seconds that a cluster's first worker may take to arrive."""


def parallel(n_jobs: int | None, order: Literal["generator", "generator_unordered"]) -> joblib.Parallel:
    """Joblib's loop over large tasks; the processes that it starts leave an interrupt to this one, and end with it.

    Parameters
    ----------
    n_jobs
        Tasks at a time, as joblib counts them; None: as an active `parallel_config` says, else 1.
    order
        Whether results come in the order of the tasks or as they are done.
    """
    return joblib.Parallel(n_jobs=n_jobs, batch_size=1, return_as=order, initializer=_belong_to_parent)


def _belong_to_parent() -> None:
    """In a worker: an interrupt is for the parent, which ends its workers; a killed parent can't, so they look."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_after, args=(os.getppid(),), daemon=True).start()


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Send the work of back-tests and calibrations to a Dask cluster while the context lasts.

    Dask starts the work of a worker that is lost again on another.

    Parameters
    ----------
    address
        Address of the cluster's scheduler, or the file that ``dask scheduler --scheduler-file`` writes. Work stays on
        this machine where not given.

    Raises
    ------
    InputError
        If Dask is not installed, no scheduler or worker answers, a worker runs several jobs in one process, which
        PyTensor does not allow, or has another version of this package.
    """
    if address is None:
        yield
        return
    try:
        from distributed import Client
    except ImportError:
        raise InputError("a Dask cluster needs the package distributed: pip install 'bayes-cod[dask]'") from None
    try:
        client = Client(scheduler_file=address) if Path(address).is_file() else Client(address)
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at '{address}' ({error}); give its address") from None
    with client, joblib.parallel_config(backend="dask"):
        try:
            client.wait_for_workers(1, timeout=ARRIVAL)
        except TimeoutError:
            raise InputError(f"the Dask scheduler at '{address}' has no worker; start some") from None
        if any(threads > 1 for threads in client.nthreads().values()):
            raise InputError("a Dask worker runs several jobs in one process; start workers with --nthreads 1")
        if others := [place for place, own in client.run(code_version).items() if own != code_version()]:
            raise InputError(f"another version of bayes_cod runs on {others[0]}; install this one ({code_version()})")
        yield
