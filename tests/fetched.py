"""Where the tests keep third-party programs and libraries that they fetched: not in the checkout.

Nothing fetched is ever committed, and nothing is used half fetched: a folder is filled under a
temporary name beside its place and then renamed, so its presence means that it is complete. Each
folder's name holds everything that decides its content.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FetchError(Exception):
    """Something could not be fetched; the text says what, why and what to do."""


def in_ci() -> bool:
    """Whether this is continuous integration, where a missing interpreter is a failure."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def cache_root() -> Path:
    """The user's cache folder for this project; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ats_trust"


@contextmanager
def new_folder(place: Path) -> Iterator[Path]:
    """A temporary folder that becomes `place` when the block ends well, and vanishes otherwise."""
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=place.name + ".", dir=place.parent))
    try:
        yield folder
        folder.chmod(0o755)
        try:
            folder.rename(place)
        except OSError:
            # Another run was faster: its folder is the same, by its name.
            if not place.is_dir():
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
