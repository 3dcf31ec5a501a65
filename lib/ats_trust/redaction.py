"""What of a report may be published: names of an account and a device are left out of it.

Rules kept here:
- Left out are the endpoint's prefix, or a domain of the user's own; the client id; the name in the
  device's certificate; the names of its files. Case makes no difference.
- All text becomes printable ASCII, and what is too long is cut, after names were left out of it.
"""

from .errors import TrustError


class Veil:
    """Hides what must not be published, and all that does not print. Called with bytes or str.

    host, options: as for `diagnose`. reveal: hide nothing.
    """

    def __init__(self, host, options, reveal):
        self._words = []  # (lower case, what is put in its place)
        self._reveal = reveal
        for name in ("cert", "key"):
            self.hide(options.get(name), name + " file")
        self.hide(getattr(host, "client_id", None), "client id")
        self.hide(getattr(host, "path", None), "device file")
        host = getattr(host, "host", host)
        if not isinstance(host, str):
            return
        from .endpoint import parse

        try:
            endpoint = parse(host)
        except TrustError:
            self.hide(repr(host)[:260], "host")
            return
        label, _, parent = endpoint.host.partition(".")
        if endpoint.kind == "custom":
            self.hide(endpoint.host, "host")
            if "." in parent:
                self.hide(parent, "domain")
        elif endpoint.kind not in ("control", "greengrass"):
            self.hide(label[:-4] if label.endswith("-ats") else label, "prefix")

    def hide(self, word, what):
        """Put <what> wherever `word` stands, in upper or lower case; not a str: nothing."""
        if word and isinstance(word, str) and not self._reveal:
            self._words.append((printable(word).lower(), "<%s>" % what))
            self._words.sort(key=lambda pair: -len(pair[0]))  # What holds another word goes first.

    def __call__(self, text, limit=1000):
        """Return the text as it may be printed."""
        text = printable(text if isinstance(text, str) else bytes(text))
        for word, shown in self._words:
            text = _replaced(text, word, shown)
        return text if len(text) <= limit else text[:limit] + "..."


def printable(text):
    """Return str or bytes as text of printable ASCII, with ? for the rest."""
    octets = text.encode() if isinstance(text, str) else text
    return bytes([octet if 31 < octet < 127 else 63 for octet in octets]).decode()


def _replaced(text, word, shown):
    """Return the text with `shown` for each `word`, which is in lower case.

    A word of less than four characters must stand by itself, or nothing could be read any more.
    """
    low = text.lower()
    done = ""
    pos = at = 0
    while True:
        at = low.find(word, at)
        if at < 0:
            return done + text[pos:]
        stop = at + len(word)
        if len(word) < 4 and (low[:at][-1:].isalpha() or low[stop:][:1].isalpha()):
            at += 1
            continue
        done += text[pos:at] + shown
        pos = at = stop
