"""Caches of the libraries below, compiled code above all: moved to a temporary folder where home can't hold them.

Matplotlib, Numba and PyTensor look for their folders when they are first imported, and PyTensor fails where it can't
make its own: hence the choice before that. Numba replaces whole files, so that processes may use a folder at once.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

FLAGS = "PYTENSOR_FLAGS"
_SETTING = "base_compiledir"
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
    folder = temporary_folder()
    for variable, name in _FOLDERS.items():
        os.environ.setdefault(variable, str(folder / name))
    _keep_compiled_code_in(folder)
    return folder


def use_writable_compile_cache() -> None:
    """Point PyTensor to a temporary folder where its own in the home folder can't be written to, as on a full disk.

    Unless it is loaded, or the user named a folder.
    """
    if "pytensor" not in sys.modules and not writable(Path("~/.pytensor").expanduser()):
        _keep_compiled_code_in(temporary_folder())


def _keep_compiled_code_in(folder: Path) -> None:
    flags = [flag for flag in os.environ.get(FLAGS, "").split(",") if flag]
    if not any(_SETTING in flag for flag in flags):
        os.environ[FLAGS] = ",".join([*flags, f"{_SETTING}={folder / 'pytensor'}"])


def writable(folder: Path) -> bool:
    """Whether a file can be written in a folder, which is made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
            file.flush()
    except OSError:
        return False
    return True


def temporary_folder() -> Path:
    """A folder among temporary files that is the user's alone; a new one where another user has taken its name."""
    folder = Path(tempfile.gettempdir()) / f"bayes-cod-{os.getuid()}"
    return folder if _is_own(folder) else Path(tempfile.mkdtemp(prefix="bayes-cod-"))


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
