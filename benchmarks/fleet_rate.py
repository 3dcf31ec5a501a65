"""How many devices a second `ats-trust device fleet` makes, beside a loop that writes nothing.

`make bench-fleet` prints it. The loop makes a P-256 key and a CSR with `cryptography` and forgets
both. Each is a program of its own, timed from its start to its end, on one process and on as many
as there are cores, in turns; of each the best of several rounds counts, because what other
programs take is not theirs.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

HOST = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
LIMIT = 0.8  # Of the bare loop, for each core.
_LOOP = """
import os, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
count, processes = int(sys.argv[1]), int(sys.argv[2])
workers = []
for share in range(processes):
    worker = os.fork() if processes > 1 else 0
    if worker:
        workers.append(worker)
        continue
    for number in range(share, count, processes):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"sensor-{number:06}")])
        x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    if processes > 1:
        os._exit(0)
for worker in workers:
    os.waitpid(worker, 0)
"""


def main() -> int:
    """Measure, print, and fail when the limit is missed."""
    parser = argparse.ArgumentParser(description="devices a second of `ats-trust device fleet`")
    parser.add_argument("--things", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    best: dict[tuple[str, int], float] = {}
    with tempfile.TemporaryDirectory(prefix="ats-trust-fleet-") as place:
        folder = Path(place)
        names = (f"sensor-{number:06}" for number in range(args.things))
        (folder / "things.csv").write_text("thing\n" + "\n".join(names) + "\n")
        for _ in range(args.rounds):
            for processes in sorted({1, cores}):
                for what in ("loop", "fleet"):
                    took = _seconds(what, folder, args.things, processes)
                    best[what, processes] = min(took, best.get((what, processes), took))
    return _report(args.things, best)


def _seconds(what: str, folder: Path, things: int, processes: int) -> float:
    shutil.rmtree(folder / "fleet", ignore_errors=True)
    command = [sys.executable, "-c", _LOOP, str(things), str(processes)]
    if what == "fleet":
        command = [sys.executable, "-m", "ats_trust_tools", "device", "fleet", "--csv"]
        command += ["things.csv", "--endpoint", HOST, "-o", "fleet", "--processes", str(processes)]
    begin = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _report(things: int, best: dict[tuple[str, int], float]) -> int:
    table = Table(title=f"Devices a second, {things} things", box=None)
    for column in ("processes", "bare loop", "device fleet", "of the loop", "beside one process"):
        table.add_column(column, justify="right")
    met = True
    for processes in sorted({processes for _, processes in best}):
        loop, fleet = best["loop", processes], best["fleet", processes]
        met = met and loop / fleet >= LIMIT
        table.add_row(
            str(processes),
            f"{things / loop:,.0f}",
            f"{things / fleet:,.0f}",
            f"{loop / fleet:.2f}",
            f"{best['fleet', 1] / fleet:.2f}",
        )
    Console().print(table)
    print(f"the limit of {LIMIT} of the loop is {'kept' if met else 'missed'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
