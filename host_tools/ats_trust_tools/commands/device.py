"""`ats-trust device`: make a device's own file, change it, or show it without its key.

Rule: an action's module, and what it needs, is imported only when that action is called.
"""

import argparse
import importlib
from collections.abc import Sequence
from typing import Any

from ..cli import Parser

# Action: (module, help).
ACTIONS = {
    "create": ("device_create", "put endpoint, client id, certificate and key into one file"),
    "fleet": ("device_fleet", "keys, requests and device files for thousands of things"),
    "show": ("device_show", "show a device file; never the key"),
    "move": ("device_change", "point a device file at another endpoint"),
    "encrypt": ("device_change", "encrypt the key in a device file"),
    "decrypt": ("device_change", "write a device file with its key in plain"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="|".join(ACTIONS), parser_class=_Action
    )
    for name, (module, text) in ACTIONS.items():
        actions.add_parser(name, help=text, module=module, action=name)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    status: int = _module(ACTIONS[args.action][0]).run(args)
    return status


class _Action(Parser):
    """The parser of one action, which knows its arguments from when it is used."""

    def __init__(self, module: str, action: str, **options: Any) -> None:
        super().__init__(**options)
        self._module = module
        self.set_defaults(action=action)

    # argparse's own types for it are overloads.
    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Declare the arguments, then parse them."""
        _module(self._module).add_arguments(self)
        return super().parse_known_args(args, namespace)


def _module(name: str) -> Any:
    return importlib.import_module("." + name, __package__)
