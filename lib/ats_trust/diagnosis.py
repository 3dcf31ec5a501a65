"""What is wrong between this board and a server? `ats_trust.diagnose(host)` prints a report.

Rules kept here:
- It connects as `connect` does, through the same code, verified in full. No byte of the
  application is ever sent, and no connection is made that does not verify.
- The verdict comes first, with all the memory there is; the certificates are read afterwards, on
  a second connection (`second_look`).
- What would name account or device is left out unless asked for (`redaction`); its certificate
  and key are never shown. What a server sends is shown as printable ASCII, and cut.
- Whatever fails is a line of the report. Only what ends the program (KeyboardInterrupt) goes on.
"""

import gc
import sys

from .errors import HeapError, TrustError

VERSION = "0.1.0"
_LIMIT = 80  # Characters of any one text that a server sent.


def diagnose(host, port=None, address=None, timeout=30, reveal=False, **options):
    """Connect to an endpoint and print a report on how it went. True if it was authenticated.

    host: str, the endpoint's name, a TrustedContext, or what load_device returned. port, address,
    timeout, options: as for `connect`. reveal: leave no names out.
    """
    try:
        from .redaction import Veil

        report = _Report(Veil(host, options, reveal))
        return report.run(host, port, address, timeout, options)
    except MemoryError:
        print("verdict: not known: there was not enough memory for this report")
    except Exception as error:  # Its text might name what is to be left out.
        print("verdict: not known: " + type(error).__name__)
    return False


class _Report:
    """The lines: what can go wrong in its order, and then what is known beside it."""

    def __init__(self, veil):
        self._veil = veil

    def run(self, host, port, address, timeout, options):
        """Print it. Returns whether the server was authenticated."""
        self._say("report", "ats_trust.diagnose %s" % VERSION)
        self._try("firmware", _firmware)
        self._try("clock", _clock)
        self._try("memory", _memory)
        made = counted = error = None
        try:
            # The code that explains too: so that it does not end up between large buffers.
            from . import explain, signature  # noqa: F401

            made = _context(host, port, options)
            for part in ("_cert", "_key"):
                self._veil.hide(getattr(made._credentials, part, None), part[1:] + " file")
            self._say("endpoint", _endpoint(made))
            # From here on as `connect` does it, step by step.
            counted = _Counted(self._connected(made, port, address, timeout, self._say))
            gc.collect()
            stream = made.wrap_socket(counted)
            self._say("verdict", "authenticated, " + " ".join(stream.cipher()))
            self._say("note", "a server may still turn the device away when MQTT begins")
            stream.close()
        except Exception as caught:
            error = caught
            self._verdict(error)
        finally:
            if counted:
                counted.close()
        # Only now, since a connection takes nothing of this.
        gc.collect()
        self._try("root", lambda: self._roots(made._bundle if made else options.get("bundle")))
        if made:
            self._try("device", lambda: self._device(made))
        if counted:
            self._say("bytes", "%d sent, %d received" % (counted.sent, counted.received))
            if counted.received and getattr(error, "stage", "") not in ("hello", "setup"):
                self._try("chain", lambda: self._chain(made, port, address, timeout, error))
        return not error

    def _say(self, name, text):
        print("%s: %s" % (name, self._veil(text)))

    def _try(self, name, function):
        """Print what the function returns, if it does, or why it could not."""
        try:
            text = function()
            if text:
                self._say(name, text)
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
        text = "%s, version %d, built %s"
        self._say("roots", text % (bundle.path, bundle.version, date(bundle.built_at)))
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
        from .redaction import printable

        text = printable(bytes(text))
        if text != "AWS IoT Certificate":  # The name that AWS gives to all alike.
            self._veil.hide(text, "device")
        return ""

    def _connected(self, made, port, address, timeout, say=None):
        """Return a connected socket; say: what is called with each step's name and outcome."""
        say = say or (lambda name, text: None)
        from .trusted_context import prepare

        step = "dns"
        raw = None
        try:
            _, raw, where = prepare(made, port, address, {})
            say("address", _address(where))
            step = "tcp"
            raw.settimeout(timeout)
            raw.connect(where)
        except BaseException:
            if raw:
                raw.close()
            say(step, "failed")
            raise
        say("tcp", "connected")
        if not hasattr(raw, "readinto"):
            import tls

            raw = tls.SocketStream(raw)  # CPython: the host tools' stand-in has it.
        return raw

    def _chain(self, made, port, address, timeout, error):
        """Print what the certificates say, from a second connection that is broken off."""
        from .second_look import SecondLook

        gc.collect()
        look = SecondLook(self._connected(made, port, address, timeout))
        why = "not presented again"
        try:
            made.wrap_socket(look)
        except HeapError:
            why = "not enough memory for a second connection"
        except (OSError, TrustError):
            pass  # It never gets to its end, which is at the chain's.
        finally:
            look.close()
        for line in look.tell(made._find, self._shown):
            # Of a chain that was authenticated none is missing that it takes.
            if error or line[:8] != "missing:":
                print(line)
        return "" if look.certificates else why


class _Counted:
    """A socket that counts."""

    sent = received = 0

    def __init__(self, raw):
        self._raw = raw

    def close(self):
        from .stream import close

        close(self._raw)

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

    return "%s, %s, %s, %s" % (
        sys.version,
        sys.platform,
        getattr(sys.implementation, "_machine", "a computer"),
        getattr(tls, "MBEDTLS_VERSION", "TLS of unknown version"),
    )


def _clock():
    from .preflight import date, stamp

    return date(stamp())


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
    parts = [int(part) for part in where[0].split(".") if part.isdigit()] + [-1, -1]
    private = (  # RFC 1918, 6598, 3927.
        parts[0] in (0, 10, 127)
        or parts[:2] in ([192, 168], [169, 254])
        or parts[0] == 172
        and 16 <= parts[1] < 32
        or parts[0] == 100
        and 64 <= parts[1] < 128
    )
    text = "%s, port %d" % where[:2]
    return text + ", which is a private address: no server of AWS has one" if private else text
