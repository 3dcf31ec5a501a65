"""What is wrong between this board and a server? `ats_trust.diagnose(host)` prints a report.

Rules kept here:
- It connects as `connect` does, through the same code, verified in full. No byte of the
  application is ever sent, and no connection is made that does not verify.
- The verdict comes first, with all the memory there is; the certificates are read afterwards, on
  a second connection (`second_look`).
- What may be pasted in public: endpoint prefix, own domain, client id, the name in the device's
  certificate and file names are left out unless asked for; the device's certificate and key always.
- What a server sends is shown as printable ASCII, and cut.
- Whatever fails is a line of the report. Only what ends the program (KeyboardInterrupt) goes on.
"""

import gc
import sys
import time

from .errors import HeapError, TrustError

VERSION = "0.1.0"
_LIMIT = 80  # Characters of any one text that a server sent.


def diagnose(host, port=None, address=None, timeout=30, reveal=False, **options):
    """Connect to an endpoint and print a report on how it went. True if it was authenticated.

    host: str, the endpoint's name, a TrustedContext, or what load_device returned. port, address,
    timeout, options: as for `connect`. reveal: do not leave out the names that the rules above
    leave out.
    """
    veil = Veil(host, options, reveal)
    report = _Report(veil)
    try:
        return report.run(host, port, address, timeout, options)
    except MemoryError:
        print("verdict: not known: there was not enough memory for this report")
    except Exception as error:
        print("verdict: not known: " + veil(repr(error)))
    return False


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
            self._words.append((_printable(word).lower(), "<%s>" % what))
            self._words.sort(key=lambda pair: -len(pair[0]))  # What holds another word goes first.

    def __call__(self, text, limit=1000):
        """Return the text as it may be printed."""
        text = _printable(text if isinstance(text, str) else bytes(text))
        for word, shown in self._words:
            text = _replaced(text, word, shown)
        return text if len(text) <= limit else text[:limit] + "..."


class _Report:
    """The lines, in the order in which things can go wrong."""

    def __init__(self, veil):
        self._veil = veil

    def run(self, host, port, address, timeout, options):
        """Print it. Returns whether the server was authenticated."""
        self._say("report", "ats_trust.diagnose %s" % VERSION)
        self._try("firmware", _firmware)
        self._try("clock", _clock)
        self._try("memory", _memory)
        made = None
        try:
            try:
                # The code that explains too: so that it does not end up between large buffers.
                from . import explain, second_look, signature, trusted_context  # noqa: F401

                made = _context(host, port, options)
            finally:
                bundle = made._bundle if made else options.get("bundle")
                self._try("roots", lambda: self._roots(bundle))
            self._say("endpoint", _endpoint(made))
            self._say("device", self._device(made))
            # From here on as `connect` does it, step by step.
            raw = self._connected(made, port, address, timeout)
        except Exception as error:
            self._verdict(error)
            return False
        counted = _Counted(raw)
        error = None
        try:
            gc.collect()
            stream = made.wrap_socket(counted)
            self._say("verdict", "authenticated, " + " ".join(stream.cipher()))
            stream.close()
        except Exception as caught:
            error = caught
            self._verdict(error)
        self._say("bytes", "%d sent, %d received" % (counted.sent, counted.received))
        if not error:
            self._say("note", "a server may still turn the device away when MQTT begins")
        if counted.received and getattr(error, "stage", "") not in ("hello", "setup"):
            self._try("chain", lambda: self._chain(made, port, address, timeout))
        return not error

    def _say(self, name, text):
        print("%s: %s" % (name, self._veil(text)))

    def _try(self, name, function):
        """Print what the function returns, or why it could not."""
        try:
            self._say(name, function())
        except MemoryError:
            self._say(name, "not enough memory for this")
        except TrustError as error:
            self._say(name, error.code + (error.detail and ": " + error.detail))
        except Exception as error:
            self._say(name, "not known: " + repr(error))

    def _verdict(self, error):
        """Print what an exception means."""
        if isinstance(error, MemoryError):
            error = HeapError("heap", repr(error))
        if isinstance(error, TrustError):
            self._say("verdict", "%s, code %s" % (type(error).__name__, error.code))
            self._say("stage", error.stage)
            if error.detail:
                self._say("detail", error.detail)
            self._say("remedy", error.remedy)
        elif isinstance(error, OSError):
            self._say("verdict", "the network failed: " + repr(error))
            self._say("remedy", "Try again; if it stays, look at the network.")
        else:
            self._say("verdict", "not known: " + repr(error))

    def _roots(self, bundle):
        from .bundle import LEAF_ECDSA, LEAF_RSA, Bundle
        from .endpoint import ROLE_ATS, ROLE_LEGACY, ROLE_OWN
        from .preflight import date
        from .second_look import key_kind, name
        from .x509 import Certificate

        if not isinstance(bundle, Bundle):
            bundle = Bundle(bundle)
        for use, data in bundle.anchors():
            anchor = Certificate(data)
            what = [
                word
                for bit, word in (
                    (ROLE_ATS, "ats"),
                    (ROLE_LEGACY, "legacy"),
                    (ROLE_OWN, "own"),
                    (LEAF_RSA, "RSA"),
                    (LEAF_ECDSA, "ECDSA"),
                )
                if use & bit
            ]
            subject = name(data, anchor.subject, self._shown)
            self._say("root", "%s, %s, for %s" % (subject, key_kind(anchor), " ".join(what)))
        return "%s, version %d, built %s" % (bundle.path, bundle.version, date(bundle.built_at))

    def _shown(self, text):
        return self._veil(text, _LIMIT).replace('"', "?")

    def _device(self, made):
        """Whether there is a certificate; the name in it is hidden from now on."""
        from .second_look import name
        from .x509 import Certificate

        if not made._credentials:
            return "no certificate"
        data = made._credentials()[0]
        name(data, Certificate(data).subject, self._keep)
        return "certificate and key present"

    def _keep(self, text):
        text = _printable(bytes(text))
        if text != "AWS IoT Certificate":  # The name that AWS gives to all alike.
            self._veil.hide(text, "device")
        return ""

    def _connected(self, made, port, address, timeout):
        """Return a connected socket."""
        from .trusted_context import prepare

        step = "dns"
        raw = None
        try:
            _, raw, where = prepare(made, port, address, {})
            self._say("address", _address(where))
            step = "tcp"
            raw.settimeout(timeout)
            raw.connect(where)
        except BaseException:
            if raw:
                raw.close()
            self._say(step, "failed")
            raise
        self._say("tcp", "connected")
        if not hasattr(raw, "readinto"):
            import tls

            raw = tls.SocketStream(raw)  # CPython: the host tools' stand-in has it.
        return raw

    def _chain(self, made, port, address, timeout):
        """Print what the certificates say, from a second connection that is broken off."""
        from .second_look import SecondLook

        gc.collect()
        look = SecondLook(self._connected(made, port, address, timeout), self._shown)
        try:
            made.wrap_socket(look)
        except (OSError, TrustError):
            pass  # It never gets to its end, which is at the chain's.
        finally:
            look.close()
        for line in look.lines:
            print(line)
        return "as presented, the server's own first" if look.lines else "not presented again"


class _Counted:
    """A socket that counts."""

    sent = received = 0

    def __init__(self, raw):
        self._raw = raw
        self.close = raw.close

    def readinto(self, buf):
        count = self._raw.readinto(buf)
        self.received += count or 0
        return count

    def write(self, buf):
        count = self._raw.write(buf)
        self.sent += count or 0
        return count


def _context(host, port, options):
    from .trusted_context import TrustedContext

    if isinstance(host, TrustedContext):
        if options:
            from .errors import ConfigError

            raise ConfigError("bad_call", "a context has its options already")
        return host
    if hasattr(host, "context"):
        if port:
            options["port"] = port
        return host.context(**options)
    return TrustedContext(host, port=port, **options)


def _endpoint(made):
    from .endpoint import parse

    return "%s (%s), port %d" % (made.host, parse(made.host).kind, made.port)


def _firmware():
    import tls

    what = sys.implementation
    return "%s %s, %s, %s, %s" % (
        what.name,
        ".".join([str(part) for part in what.version[:3]]),
        sys.platform,
        getattr(what, "_machine", "a computer"),
        getattr(tls, "MBEDTLS_VERSION", "TLS of unknown version"),
    )


def _clock():
    from .preflight import date, stamp

    return date(stamp()) + (" (the board began to count in %d)" % time.gmtime(0)[0])


def _memory():
    gc.collect()
    if not hasattr(gc, "mem_free"):
        return "not limited"
    free = gc.mem_free()
    size = 0
    step = min(free, 1 << 20)
    while step >= 512:
        try:
            bytearray(size + step)
            size += step
        except MemoryError:
            pass
        gc.collect()
        step = min(step // 2, free - size)
    return "%d bytes free, at least %d of them in one piece" % (free, size)


def _address(where):
    """Return an address as text, and whether it is one of the Internet's."""
    if not isinstance(where, tuple):  # MicroPython's unix port.
        import socket

        _, octets, port = socket.sockaddr(where)[:3]
        where = (".".join([str(octet) for octet in octets]), port)
    parts = [int(part) for part in where[0].split(".") if part.isdigit()] + [0, 0]
    private = (
        parts[0] in (0, 10, 127)
        or parts[:2] in ([192, 168], [169, 254])
        or parts[0] == 172
        and 16 <= parts[1] < 32
        or parts[0] == 100
        and 64 <= parts[1] < 128
    )
    text = "%s, port %d" % where[:2]
    return text + ", which is a private address: no server of AWS has one" if private else text


def _printable(text):
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
