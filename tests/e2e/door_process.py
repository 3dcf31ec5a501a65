"""The process in which the emulators of the end-to-end tests run; `doors.py` starts and drives it.

A process of its own, for OpenSSL reads OPENSSL_CONF only at its start, and Debian's MicroPython
needs a server that signs without PSS and speaks no TLS 1.3 (see debian_micropython). To a client
that offers only TLS 1.2, as every board does, such a server looks as any other.

Rules it keeps: one pickled request on stdin, one pickled answer on stdout; it ends when stdin
ends.
"""

import os
import pickle
import sys
import traceback
from typing import Any

from ats_trust_tools.emulate import Emulator
from ats_trust_tools.emulate.pki import DeviceKey
from ats_trust_tools.emulate.profiles import to_der
from ats_trust_tools.emulate.recipe import Authority


class Doors:
    """The open emulators, by number; its methods are the requests."""

    def __init__(self) -> None:
        self._emulators: list[Emulator] = []

    def open(self, options: dict[str, Any]) -> tuple[int, str, int]:
        """(number, host, port) of a new emulator with these options."""
        emulator = Emulator(**options)
        emulator.__enter__()
        self._emulators.append(emulator)
        return len(self._emulators) - 1, emulator.host, emulator.port

    def call(self, number: int, name: str, arguments: tuple[Any, ...], named: Any) -> Any:
        """What a method of an emulator returns, or an attribute of it."""
        value = getattr(self._emulators[number], name)
        return value(*arguments, **named) if callable(value) else value

    def counts(self) -> list[int]:
        """How many connections each emulator has seen."""
        return [len(emulator.connections) for emulator in self._emulators]

    def root(self, number: int, name: str, authority: Authority) -> bytes:
        """The self-signed root certificate `name` of one of an emulator's authorities, DER."""
        return to_der(self._emulators[number].pki.root(name, authority))

    def device(self, number: int, kind: DeviceKey) -> tuple[bytes, bytes]:
        """A device's certificate and key, DER."""
        return self._emulators[number].pki.device_der(kind)

    def chain(self, number: int) -> tuple[bytes, ...]:
        """The first chain that an emulator sends, DER, leaf first."""
        return self._emulators[number].chains[0].certificates

    def close(self) -> None:
        for emulator in self._emulators:
            emulator.__exit__()


def main() -> None:
    """Answer requests until stdin ends."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # Nothing that prints may disturb the answers.
    doors = Doors()
    try:
        while True:
            try:
                name, arguments = pickle.load(requests)
            except EOFError:
                return
            try:
                answer = True, getattr(doors, name)(*arguments)
            except Exception:
                answer = False, traceback.format_exc()
            pickle.dump(answer, answers)
            answers.flush()
    finally:
        doors.close()


if __name__ == "__main__":
    main()
