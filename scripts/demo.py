"""`make demo`: a MicroPython program authenticates an emulated AWS IoT Core, refuses impostors.

Everything in it is real but for the server's certificates and address: MicroPython with Mbed TLS,
the device library as a board gets it, TLS over loopback, an MQTT client and an MQTT broker.
Exit status 0 only if every row went as it should.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import interpreters
import mqtt_clients
from ats_trust_tools import cli
from ats_trust_tools.emulate import Emulator
from ats_trust_tools.errors import ToolError
from fetched import FetchError

BOARD = "RPI_PICO_W"
REPOSITORY = interpreters.REPOSITORY
ADDRESS = "127.0.0.1"
PROGRAM = REPOSITORY / "scripts" / "demo_on_board" / "program.py"
# Lets AWS's names lead to this machine, as DNS does elsewhere.
LOOPBACK = REPOSITORY / "tests" / "e2e" / "device" / "loopback"
# (what stands there, the code that the refusal must have); all with mutual TLS off.
IMPOSTORS = (
    ("unknown-ca", "unknown_issuer"),
    ("same-name-other-key", "bad_signature"),
    ("wrong-name", "name_mismatch"),
    ("common-name-only", "name_not_in_san"),
    ("expired", "expired"),
    ("name-constraint-violated", "name_constraint"),
    ("stolen-chain", "key_not_proven"),
    ("plain-tcp", "not_tls"),
)
REFUSING = (("no-client-cert", False), ("inactive-cert", True), ("policy-denied", True))

# Piped, rich would take 80 columns, too few for four.
console = Console(width=None if sys.stdout.isatty() else 120)


def main() -> int:
    """Run the demo; returns the exit status."""
    started = time.monotonic()
    try:
        micropython = interpreters.releases()[0]
        client = mqtt_clients.folder("aiomqttc")
    except FetchError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    if isinstance(micropython, interpreters.Missing):
        print(f"demo: {micropython.reason}", file=sys.stderr)
        return 1
    console.print(
        f"[bold]ats_trust[/] on MicroPython {micropython.version}, {micropython.mbedtls}\n"
    )
    with tempfile.TemporaryDirectory(prefix="ats-trust-demo-") as folder:
        try:
            rows = list(_run(Path(folder), micropython, client))
        except ToolError as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1
    table = Table(title="Who answered, and what the board did", show_lines=True)
    for name, width in (("who answered", 24), ("board", 34), ("what to do", 58), ("", 4)):
        table.add_column(name, max_width=width, overflow="fold")
    for who, did, remedy, good in rows:
        table.add_row(who, did, remedy, "[green]ok[/]" if good else "[red]NOT[/]")
    console.print(table)
    failed = sum(not good for *_, good in rows)
    seconds = time.monotonic() - started
    console.print(
        f"{len(rows) - failed} of {len(rows)} went as they should, in {seconds:.0f} s."
        " Bytes of the application that reached an impostor: 0."
        if not failed
        else f"[red]{failed} of {len(rows)} did not go as they should.[/]"
    )
    return 1 if failed else 0


def _run(
    folder: Path, micropython: interpreters.MicroPython, client: Path
) -> Iterator[tuple[str, str, str, bool]]:
    """Yield (who answered, what the board did, what to do, whether it went as it should)."""
    real = folder / "roots.bin"
    console.print(f"[bold]$ ats-trust bundle --board {BOARD} -o roots.bin[/]")
    if cli.main(["bundle", "--board", BOARD, "-o", str(real)]) != 0:
        raise ToolError("the bundle could not be made")
    console.print()

    def device(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        # On stdin: MicroPython's unix port takes no argument of more than 255 bytes.
        done = micropython.run(PROGRAM, stdin=json.dumps(tasks), path=[LOOPBACK, client])
        if done.returncode or done.stderr:
            raise ToolError(f"the device's program ended early: {done.stderr.strip()[-300:]}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    for chain in ("rsa", "ecdsa"):
        with (
            console.status(f"publishing over MQTT, {chain} chain"),
            Emulator(chain=chain, mutual_tls=True, folder=folder / chain) as door,
        ):
            blob = _create_device(door, folder / f"device-{chain}.bin")
            (result,) = device(
                [
                    {
                        "do": "publish",
                        "device": str(blob),
                        "bundle": str(door.bundle),
                        "address": ADDRESS,
                        "message": f"hello over {chain}",
                    }
                ]
            )
            good = result["outcome"] == "message back"
            if good:
                did = f"authenticated in {result['ms']} ms, {result['suite']}; published, received"
            else:
                did = result["outcome"] + " " + result.get("detail", "")
            yield f"the endpoint, {chain} chain", did, "", good

    with Emulator(folder=folder / "with-real-roots", mqtt=False) as door:
        (result,) = device([_meeting(door, folder / "device-rsa.bin", bundle=real)])
        yield _refusal(
            "the emulator, met with Amazon's real roots", "unknown_issuer", result, door
        )
    for name, code in IMPOSTORS:
        with (
            console.status(f"meeting {name}"),
            Emulator(chain="rsa", impostor=name, folder=folder / name, mqtt=False) as door,
        ):
            (result,) = device([_meeting(door, folder / "device-rsa.bin")])
            yield _refusal(f"impostor: {name}", code, result, door)
    for name, certificate in REFUSING:
        with (
            console.status(f"meeting {name}"),
            Emulator(chain="rsa", impostor=name, folder=folder / name, mqtt=False) as door,
        ):
            task = _meeting(door, folder / "device-rsa.bin", certificate=certificate)
            (result,) = device([task])
            good = result["outcome"] == "ClientRefused"
            yield (
                f"the endpoint, refusing us: {name}",
                f"{result['outcome']}: {result.get('detail', '')}",
                result.get("remedy", ""),
                good,
            )


def _create_device(door: Emulator, path: Path) -> Path:
    """Make the blob from AWS-style PEM files, with the command that a user types."""
    certificate, key = door.client_certificate("rsa")
    command = ["device", "create", "--endpoint", door.host, "--client-id", "demo-device"]
    command += ["--cert", str(certificate), "--key", str(key), "--port", str(door.port)]
    if cli.main([*command, "-o", str(path)]) != 0:
        raise ToolError("the device blob could not be made")
    return path


def _meeting(
    door: Emulator, blob: Path, *, bundle: Path | None = None, certificate: bool = False
) -> dict[str, Any]:
    return {
        "do": "meet",
        "device": str(blob),
        "with_certificate": certificate,
        "host": door.host,
        "port": door.port,
        "address": ADDRESS,
        "bundle": str(bundle or door.bundle),
    }


def _refusal(
    who: str, code: str, result: dict[str, Any], door: Emulator
) -> tuple[str, str, str, bool]:
    arrived = sum(one.application_bytes for one in door.settle())
    good = result.get("code") == code and result["outcome"] == "PeerRejected" and not arrived
    did = f"{result['outcome']} {result.get('code', '')}: {result.get('detail', '')}"
    if arrived:
        did += f" BUT {arrived} bytes of the application arrived"
    return who, did, result.get("remedy", ""), good


if __name__ == "__main__":
    sys.exit(main())
