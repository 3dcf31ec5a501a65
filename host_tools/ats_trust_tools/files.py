"""Reading input, writing results, finding the shipped data: the one module that opens files.

Rules: a result is complete or absent (temporary name in the same folder, flushed to disk, then
renamed); only a regular file is ever replaced; input is bounded; every failure is a ToolError
that names the file.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

from .errors import ToolError, UsageError
from .file_shape import shape

MAX_INPUT = 1 << 20


def write_atomically(
    path: str | os.PathLike[str],
    data: bytes | Iterable[bytes],
    mode: int = 0o644,
    *,
    flush: bool = True,
    replace: bool = True,
) -> None:
    """Make `path` hold exactly `data`, whole or in parts, or leave whatever was there untouched.

    A symbolic link stays one: the file that it leads to is written. What is there and is no
    regular file (a folder, a pipe, a device as /dev/null) is refused.

    mode: permission bits of the file (the umask may take some away); files that hold a private
    key are written with 0o600. flush: on disk when this returns; without, a power cut soon after
    can leave the file damaged, which is for what is made anew at any time. replace: without,
    whatever is there by now stays, also what came while this ran. Raises ToolError.
    """
    target = Path(path)
    try:
        _refuse_irregular(target)
        # os.path: Path.resolve() raises something of its own for a link that leads to itself.
        place = Path(os.path.realpath(target))
        # Not made of the target's name, which may be as long as a name can be.
        partial = place.with_name(f".{secrets.token_hex(8)}.partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.writelines([data] if isinstance(data, bytes) else data)
                stream.flush()
                if flush:
                    os.fsync(stream.fileno())
            if replace:
                partial.replace(place)
            else:
                _put_new(partial, place)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        if flush:
            _flush_folder(place.parent)
    except FileNotFoundError:
        raise ToolError(
            f"can not write {target}: the folder {target.parent} does not exist; create it first"
        ) from None
    except FileExistsError:
        raise ToolError(
            f"{target} is there already and would be lost; name another file, or delete that one"
        ) from None
    except OSError as error:
        raise ToolError(f"can not write {target}: {error.strerror or error}") from None


def read_bounded(path: str | os.PathLike[str], what: str, limit: int = MAX_INPUT) -> bytes:
    """Return the content of a file that should hold `what`, as "a certificate"; bounded."""
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise ToolError(
            f"can not read {path} ({what} belongs there): {error.strerror or error}"
        ) from None
    if not data:
        raise ToolError(f"{path} is empty; {what} belongs there")
    if len(data) > limit:
        raise ToolError(f"{path} is larger than {limit} bytes, so it is not {what}")
    return data


def refuse_loss(
    output: Path, inputs: Iterable[str | os.PathLike[str]], *, device: bool = False
) -> None:
    """Raise when writing `output` would destroy what can not be made again.

    UsageError for one of the files that it is made from, ToolError for a private key, or a device
    file, which holds one. device: it may take the place of a device file.
    """
    for path in inputs:
        try:
            same = output.samefile(path)
        except OSError:
            continue  # One of them is not there, or can not be: reading or writing it says so.
        if same:
            raise UsageError(f"{output} is one of the input files; write to another one")
    try:
        _refuse_irregular(output)
        with output.open("rb") as stream:
            there = stream.read(MAX_INPUT)
    except OSError:
        return  # Nothing is there, or whoever writes says what is wrong.
    kind = "private key" if b"PRIVATE KEY-----" in there else shape(there)
    if kind == "private key" or (kind == "device" and not device):
        raise ToolError(f"{output} holds a private key, which would be lost; name another file")


def refuse_special(output: Path) -> None:
    """Raise ToolError for a pipe or a device: nothing is written there, and a look at it hangs."""
    # A name that can not be looked at is told of by whoever writes.
    with contextlib.suppress(OSError):
        if not output.is_dir():
            _refuse_irregular(output)


def data_folder(name: str) -> Path:
    """Return the folder of shipped data: "boards" or "certs_der".

    Inside an installed wheel it is packed below this package; in a checkout it is at the
    repository's root.
    """
    here = Path(__file__).resolve().parent
    for folder in (here / "data" / name, here.parent.parent / name):
        if folder.is_dir():
            return folder
    raise ToolError(f"the data folder {name} is missing; install ats-trust again")


_BINARY = getattr(os, "O_BINARY", 0)


def _put_new(partial: Path, place: Path) -> None:
    """Give a file its name unless that is taken: FileExistsError."""
    try:
        os.link(partial, place)
    except FileExistsError:
        raise
    except OSError:  # A file system without hard links, as FAT; there a moment is left.
        if os.path.lexists(place):
            raise FileExistsError from None
        partial.replace(place)
    partial.unlink(missing_ok=True)


def _refuse_irregular(target: Path) -> None:
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise ToolError(f"{target} is a folder; name a file to write")
    if not stat.S_ISREG(mode):
        raise ToolError(f"{target} is a pipe or a device, not a file; name a file to write")


def _flush_folder(folder: Path) -> None:
    """Make the new name itself durable, where the system lets a folder be opened."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # Some file systems can not flush a folder; the file's own bytes are on disk.
    finally:
        os.close(descriptor)
