"""The errors that a command ends with: one sentence for the person who typed it.

Rules: the message says what is wrong and what to do; it never carries a private key. Whatever
else escapes a command is a bug in the tool and is shown as one by `cli.main`.
"""


class ToolError(Exception):
    """The command can not do its job: message on stderr, exit status 1."""


class UsageError(ToolError):
    """The command was called wrongly: message on stderr, exit status 2."""
