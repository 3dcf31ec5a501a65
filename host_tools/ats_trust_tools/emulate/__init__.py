"""AWS IoT Core's front door on loopback, and the impostors that stand in its place."""

from ats_trust_tools.emulate.impostors import IMPOSTORS, Impostor
from ats_trust_tools.emulate.server import HOST, Emulator
from ats_trust_tools.emulate.wire import Connection

__all__ = ["HOST", "IMPOSTORS", "Connection", "Emulator", "Impostor"]
