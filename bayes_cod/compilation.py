"""Where compiled code is kept between processes.

PyTensor's folder in the user's home where that can be written, else one of the user's own among temporary files.
PyTensor reads its settings when it is first imported, and fails where it can't make its folder: hence the choice
before that. numba replaces whole files, so that processes may use a folder at once.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

FLAGS = "PYTENSOR_FLAGS"
_SETTING = "base_compiledir"


def choose_folder() -> None:
    """Point PyTensor to a folder that can be written, unless it is loaded or the user named one."""
    if "pytensor" in sys.modules or _SETTING in os.environ.get(FLAGS, "") or writable(Path("~/.pytensor").expanduser()):
        return
    flags = [flag for flag in os.environ.get(FLAGS, "").split(",") if flag]
    os.environ[FLAGS] = ",".join([*flags, f"{_SETTING}={temporary_folder()}"])


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
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"bayes-cod-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if folder.is_symlink() or (hasattr(os, "getuid") and status.st_uid != user) or status.st_mode & 0o022:
            raise OSError("taken")
    except OSError:
        return Path(tempfile.mkdtemp(prefix="bayes-cod-"))
    return folder
