"""Caches of the libraries below: moved to a temporary folder where the home folder can't hold them."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

_FOLDERS = {"MPLCONFIGDIR": "matplotlib", "NUMBA_CACHE_DIR": "numba", "XDG_CACHE_HOME": "cache"}


def use_writable_caches() -> Path | None:
    """Point Matplotlib, Numba and PyTensor to a temporary folder, unless the home folder can be written to.

    Containers and batch jobs often have none. Variables that are set already are left alone.

    Returns
    -------
    Path or None
        The temporary folder; None where the home folder serves.
    """
    if _is_usable(_home()):
        return None
    folder = Path(tempfile.gettempdir()) / f"bayes_cod_caches_{os.getuid()}"
    if not _is_own(folder):
        folder = Path(tempfile.mkdtemp(prefix="bayes_cod_caches_"))
    for variable, name in _FOLDERS.items():
        os.environ.setdefault(variable, str(folder / name))
    flags = os.environ.get("PYTENSOR_FLAGS", "")
    if "base_compiledir" not in flags:
        own = f"base_compiledir={folder / 'pytensor'}"
        os.environ["PYTENSOR_FLAGS"] = f"{flags},{own}" if flags else own
    return folder


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _is_usable(home: Path | None) -> bool:
    if home is None:
        return False
    places = [home, *(home / name for name in (".pytensor", ".cache", ".config") if (home / name).exists())]
    return all(place.is_dir() and os.access(place, os.W_OK | os.X_OK) for place in places)


def _is_own(folder: Path) -> bool:
    """Whether the folder is this user's alone; made if missing."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
