r"""What comes from files reaches the terminal as text, never as an order to it.

Rule: everything that is shown passes here. A name in a certificate may hold what clears a line,
sets the terminal's title or writes from right to left, and a newline would fake a line of ours;
such characters are shown as what they are: \x1b, \n, \u202e.
"""

import json


def printable(text: object) -> str:
    """Return `str(text)` with all that does not print written as a Python escape."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text)
    )


def printable_json(value: object, indent: int | None = None) -> str:
    """Return JSON in which, beside the newlines of the indentation, everything prints."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    # What does not print can only be inside a string, where JSON's own escapes mean the same.
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)
