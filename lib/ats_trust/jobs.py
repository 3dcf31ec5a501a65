"""AWS IoT Jobs: a rotation over the MQTT connection that the board already has.

Which client carries it is the program's choice: it subscribes, publishes, and hands over what
comes in. Source: AWS IoT Core developer guide, "Jobs device MQTT API operations". Rules kept here:
- Nothing is remembered over a reset. What is reported follows from update.status() alone, and a
  job that is in progress is given again to whoever asks for the next one.
- Only what can not change by itself is final. Short of memory, without a clock, with a flash
  that can not be read the job stays IN_PROGRESS and says why; the next start() tries again.
- Every report states the version that it answers, so that AWS refuses it where it comes twice or
  too late. A refusal is never answered, and so nothing goes round in circles.
- No message, however wrong, raises anything, and nothing is published while a publish is under
  way: a client with QoS 1 calls back in the middle of it. What comes then waits.
"""

import binascii
import json

from .der import DerError, const, header, integer
from .errors import ClockError, ConfigError, HeapError, TrustError, UpdateError

_OPERATION = "ats_trust.rotate"
_TOKEN = "ats_trust"  # AWS gives it back in its answer: so ours are told from the program's.
_PIECE = const(512)  # Characters of base64 that are decoded at a time; four make three bytes.
_WAITING = const(4)  # Messages that are kept while a publish is under way.


class Jobs:
    """What the board does about jobs that bring new roots; the document is in docs/rotation.md.

    thing: str, its name at AWS. publish: callable (topic: str, payload: bytes).
    topics: tuple of str, what to subscribe to. reconnect: bool, an update was installed: connect
    again, for that is what proves it.
    Raises ConfigError.
    """

    def __init__(self, thing, publish):
        if not _fits(thing, 128, ":_-"):
            raise ConfigError("bad_call", "thing: 1 to 128 of a-z A-Z 0-9 : _ -")
        self._publish = publish
        self._base = base = "$aws/things/" + thing + "/jobs/"
        self.topics = tuple(
            [
                base + name
                for name in (
                    "notify-next",
                    "start-next/accepted",
                    "start-next/rejected",
                    "+/update/accepted",
                    "+/update/rejected",
                )
            ]
        )
        self._publishing = False
        self._forget()

    def start(self):
        """Ask for the next job: at every connect, once the topics are subscribed to.

        AWS starts whichever is the next one, also if it is the program's.
        """
        self._forget()
        self._later(None)

    def handle(self, topic, payload):
        """Take a message that came in; return whether it was for this.

        topic: str or bytes. payload: bytes-like. Installs an update, which takes as long as to
        check a signature, and publishes. Raises nothing but what `publish` raises.
        """
        try:
            topic = topic if isinstance(topic, str) else bytes(topic).decode()
        except ValueError:
            return False
        if not topic.startswith(self._base):
            return False
        name = topic[len(self._base) :]
        notified = name == "notify-next"
        job = notified or name == "start-next/accepted"
        if not job and name[-16:-8] != "/update/" and name != "start-next/rejected":
            return False
        try:
            message, text = _read(payload)
        except (ValueError, TypeError, RuntimeError, MemoryError):
            return True  # Nobody can read it. RuntimeError: brackets in brackets in brackets.
        execution = message.get("execution") if job else None
        if not execution:
            return notified or message.get("clientToken") == _TOKEN
        document = _get(execution, "jobDocument", dict)
        if not document or document.get("operation") != _OPERATION:
            return False
        name = _get(execution, "jobId", str)
        number = _get(execution, "versionNumber", int)
        work = None
        if not notified:
            if not name or not _fits(name, 64, "_-") or number is None:
                return True
            version = _get(document, "version", int)
            work = name, number, version, text or document.get("bundle")
        message = execution = document = None  # An installation needs the memory.
        self._later(work)
        return True

    def _forget(self):
        self.reconnect = False
        self._answered = None  # (job, version) of the execution that was reported on last.
        self._waiting = []

    def _later(self, work):
        """Do this, or, while a publish is under way, after it. None: ask for the next job."""
        if len(self._waiting) < _WAITING:
            self._waiting.append(work)
        while self._waiting and not self._publishing:
            work = self._waiting.pop(0)
            if not work:
                self._send("start-next", {})
            elif work[:2] != self._answered:
                state, details = self._outcome(work[2], work[3])
                self._send(
                    work[0] + "/update",
                    {
                        "status": state,
                        "statusDetails": {
                            key: _plain(details[key]) for key in details if details[key]
                        },
                        "expectedVersion": work[1],
                    },
                )
                self._answered = work[:2]

    def _send(self, name, request):
        request["clientToken"] = _TOKEN
        self._publishing = True
        try:
            self._publish(self._base + name, json.dumps(request).encode())
        finally:
            self._publishing = False

    def _outcome(self, version, text):
        """Return (status, its details) of a job with this version and this bundle in base64."""
        details = {"version": version}
        try:
            named = _named(text) if isinstance(text, (str, memoryview)) else (None,)
            if version is None or version != named[0]:
                raise UpdateError("update_damaged", "no bundle, or not the job's version")
            from . import update

            status = update.status()
            if named != (status["pending"], status["pending_digest"]):
                if named == (status["kept"], status["kept_digest"]):
                    return "SUCCEEDED", details
                if status["last"] == "reverted" and status["floor"] == version:
                    details["code"] = "update_reverted"
                    details["reason"] = status["reason"]
                    return "FAILED", details
                update.install(_pieces(text))
                self.reconnect = True
                status = update.status()
            details["waiting"] = ",".join(status["waiting"])
            details["failures"] = status["failures"]
            details["reason"] = status["reason"]
        except (MemoryError, OSError) as error:
            details["code"] = "heap" if isinstance(error, MemoryError) else "flash"
            details["detail"] = repr(error)
        except TrustError as error:
            details["code"] = error.code
            details["detail"] = error.detail
            if not isinstance(error, (ClockError, HeapError)) and error.code != "update_busy":
                return "FAILED", details
        return "IN_PROGRESS", details


def _fits(name, most, more):
    """Return whether a name has only characters that AWS allows, and so none of a topic's own."""
    for char in name:
        if not ("a" <= char <= "z" or "A" <= char <= "Z" or "0" <= char <= "9" or char in more):
            return False
    return 0 < len(name) <= most


def _get(mapping, key, kind):
    """Return what is under this key, if it is of this very type; else None."""
    value = mapping.get(key) if isinstance(mapping, dict) else None
    return value if type(value) is kind else None


def _read(payload):
    """Return (message, the text of its bundle as a view, or None where the message has it).

    The text is nearly all of a message. It is cut out before the rest is read, and so never
    copied. Raises ValueError, and others by what is wrong.
    """
    if not isinstance(payload, bytes):
        payload = payload.encode() if isinstance(payload, str) else bytes(payload)
    text = None
    start = payload.find(b'"bundle"') + 8
    stop = payload.find(b'"', start)
    if start > 7 and stop >= 0 and payload[start:stop].strip() == b":":
        start = stop + 1
        stop = payload.find(b'"', start)
        # With a backslash in it, it is no plain base64: that is left to the reader of JSON.
        if stop > start and payload.find(b"\\", start, stop) < 0:
            text = memoryview(payload)[start:stop]
            payload = payload[:start] + payload[stop:]
    message = json.loads(payload)
    if not isinstance(message, dict):
        raise ValueError
    return message, text


def _named(text):
    """Return (version, digest as in update.status()) that a bundle says it has, or (None,)."""
    try:
        data = binascii.a2b_base64(text[:64])
        start = header(data, 0, len(data), False)[1]
        _, start, stop = header(data, start, len(data), False)
        version = integer(data, integer(data, start, len(data))[1], len(data))[0]
        start = stop // 3 * 4  # Behind the body is the digest: two bytes of header, then this.
        data = binascii.a2b_base64(text[start : start + 16])
        digest = data[stop % 3 + 2 : stop % 3 + 10]
        if len(digest) == 8:
            return version, digest.hex()
    except (ValueError, DerError):
        pass
    return (None,)


def _pieces(text):
    """Yield the bytes of base64 in pieces."""
    try:
        for start in range(0, len(text), _PIECE):
            yield binascii.a2b_base64(text[start : start + _PIECE])
    except ValueError:
        raise UpdateError("update_damaged", "no base64")


def _plain(value):
    """Return a text that AWS takes for a value: of 1,024 characters at most, none for control."""
    # As bytes: each character of a str would stay in MicroPython's table of strings for good.
    data = bytearray(str(value).encode()[:1024])
    for at, byte in enumerate(data):
        if not 32 <= byte < 127:
            data[at] = 63  # A question mark.
    return bytes(data).decode()
