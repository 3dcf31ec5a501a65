"""AWS IoT Jobs: which messages install an update, and what is reported to AWS about it."""

import binascii
import json
import sys
import unittest

from _field import EC, Field
from _made import bundle, refusal
from _mutations import Mutator
from _signed import ENDPOINT, key, signed_bundle

from ats_trust import preflight, slots, update
from ats_trust.der import header
from ats_trust.endpoint import ROLE_ATS
from ats_trust.errors import ConfigError, HeapError, PeerRejected, UpdateError
from ats_trust.jobs import Jobs

_BASE = "$aws/things/thing-1/jobs/"
_ACCEPTED = _BASE + "start-next/accepted"
_NOTIFY = _BASE + "notify-next"
_TOKEN = "ats_trust"
_SECOND = "c0-ats.iot.eu-west-1.amazonaws.com"
_USE = 0x13  # Both kinds of leaves, at the endpoints of today.
_LEGACY_USE = 0x23


def base64(data):
    return binascii.b2a_base64(data).decode().strip()


_bundles = {}
_flash = {}


def new_bundle(version=8, **fields):
    """A signed bundle with a root that authenticates both kinds of leaves."""
    if fields:
        return signed_bundle((_USE, EC), version=version, **fields)
    if version not in _bundles:  # A board takes its time to sign.
        _bundles[version] = signed_bundle((_USE, EC), version=version)
    return _bundles[version]


def document(data=None, version=8, **fields):
    """The document of a job that brings this bundle."""
    if data is None:
        data = new_bundle(version if isinstance(version, int) else 8)
    text = base64(data)
    found = {"operation": "ats_trust.rotate", "version": version, "bundle": text}
    found.update(fields)
    return found


def kept():
    """The document of a job for the bundle that the board has: it is done at once."""
    return document(new_bundle(7), version=7)


def execution(about=None, job="job-1", number=1, status="IN_PROGRESS"):
    """What AWS tells of a job on this thing."""
    return {
        "jobId": job,
        "status": status,
        "queuedAt": 1517016947,
        "lastUpdatedAt": 1517016947,
        "versionNumber": number,
        "executionNumber": 1,
        "jobDocument": document() if about is None else about,
    }


def message(**fields):
    """A message of AWS, which always has a time."""
    fields["timestamp"] = 1517016948
    return json.dumps(fields).encode()


def accepted(about=None, **fields):
    """The answer to start-next."""
    return message(execution=execution(about, **fields), clientToken=_TOKEN)


class Case(Field):
    """A board with a signed bundle of version 7."""

    on_board = False

    def setUp(self):
        super().setUp()
        self.put("roots_field.bin", new_bundle(7))
        self.sent = []
        self.jobs = Jobs("thing-1", self.publish)

    def publish(self, topic, payload):
        self.assertIs(type(payload), bytes)
        self.assertEqual(topic[: len(_BASE)], _BASE)
        self.sent.append((topic[len(_BASE) :], json.loads(payload)))

    def told(self):
        """What was published since this was last asked: (topic below jobs/, message)."""
        sent, self.sent = self.sent, []
        for _, request in sent:
            self.assertEqual(request.pop("clientToken"), _TOKEN)
        return sent

    def report(self, payload, job="job-1", number=1):
        """Hand over an answer to start-next; return (status, details) of the only report."""
        self.assertIs(self.jobs.handle(_ACCEPTED, payload), True)
        [(topic, request)] = self.told()
        self.assertEqual(topic, job + "/update")
        self.assertEqual(request.pop("expectedVersion"), number)
        self.assertEqual(sorted(request), ["status", "statusDetails"])
        details = request["statusDetails"]
        for name in details:
            self.assertIs(type(details[name]), str)
            self.assertTrue(0 < len(details[name]) <= 1024)
            self.assertTrue(all(" " <= char <= "~" for char in details[name]))
        return request["status"], details

    def installed(self):
        """Bring the board to where it is after a job: by one, or as an earlier test left it."""
        if not _flash:
            self.report(accepted())
            _flash.update(self.files())
        for name in _flash:
            self.put(name, _flash[name])
        self.jobs = Jobs("thing-1", self.publish)

    def patch(self, owner, name, value):
        self.addCleanup(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)

    def connect(self, host=ENDPOINT, error=None):
        """A connection, as TrustedContext makes it: with which bundle, and what came of it."""
        attempt = slots.Attempt(host, ROLE_ATS)
        attempt.begin()
        attempt.end(error)


class TestTopics(Case):
    def test_topics(self):
        """Five topics of this thing, and no other's."""
        self.assertEqual(
            self.jobs.topics,
            (
                _BASE + "notify-next",
                _BASE + "start-next/accepted",
                _BASE + "start-next/rejected",
                _BASE + "+/update/accepted",
                _BASE + "+/update/rejected",
            ),
        )

    def test_name(self):
        """It is loaded by its name in the package."""
        import ats_trust

        self.assertIs(ats_trust.jobs.Jobs, Jobs)

    def test_thing(self):
        """A name that AWS does not allow, and so could mean another topic, is refused."""
        for name in ("", "a/b", "+", "#", "a b", "a\n", "\u00e4", "x" * 129, "$aws"):
            refusal(self, ConfigError, "bad_call", Jobs, name, self.publish)
        for name in ("x" * 128, "aZ09:_-"):
            self.assertEqual(
                Jobs(name, self.publish).topics[0], "$aws/things/" + name + "/jobs/notify-next"
            )

    def test_start(self):
        """To start is to ask for the next job, with no more than a token."""
        self.jobs.start()
        self.assertEqual(self.told(), [("start-next", {})])

    def test_not_ours(self):
        """Other topics, of whatever kind, are left to the program."""
        for topic in (
            "",
            "greetings",
            "$aws/things/thing-1/shadow/update/accepted",
            "$aws/things/thing-2/jobs/start-next/accepted",
            "$aws/things/thing-1/jobs/",
            _BASE + "notify",
            _BASE + "get/accepted",
            _BASE + "job-1/get/accepted",
            _BASE + "$next/get/accepted",
            _BASE + "start-next",
            _BASE + "job-1/update",
            b"\xff\xfe",
            b"$aws/things/thing-1/jobs/\xff",
        ):
            self.assertIs(self.jobs.handle(topic, accepted()), False)
        self.assertEqual(self.told(), [])
        self.assertIsNone(update.status()["pending"])

    def test_forms(self):
        """Topics and payloads come as each client gives them."""
        for number, form in enumerate((bytes, bytearray, memoryview, lambda data: data.decode())):
            self.jobs.start()
            self.told()
            topic = _ACCEPTED if number & 1 else _ACCEPTED.encode()
            self.assertIs(self.jobs.handle(topic, form(accepted(kept()))), True)
            self.assertEqual(self.told()[0][1]["status"], "SUCCEEDED")


class TestNotify(Case):
    def test_ours(self):
        """A job of ours that has become the next one is asked for, and nothing is installed."""
        for status in ("QUEUED", "IN_PROGRESS"):
            payload = message(execution=execution(status=status))
            self.assertIs(self.jobs.handle(_NOTIFY, payload), True)
            self.assertEqual(self.told(), [("start-next", {})])
        self.assertIsNone(update.status()["pending"])

    def test_none(self):
        """Where no job is left, there is nothing to do, and nothing for the program."""
        for payload in (message(), message(execution={}), message(execution=None)):
            self.assertIs(self.jobs.handle(_NOTIFY, payload), True)
        self.assertEqual(self.told(), [])

    def test_others(self):
        """Where the next one is of another kind, nothing is published; it is the program's."""
        for about in ({"operation": "reboot"}, {}, "s3://bucket/document"):
            payload = message(execution=execution(about, status="QUEUED"))
            self.assertIs(self.jobs.handle(_NOTIFY, payload), False)
        self.assertEqual(self.told(), [])


class TestJob(Case):
    on_board = True

    def test_installed(self):
        """The bundle is installed, what it waits for is reported, and a new connection wanted."""
        self.jobs.start()
        self.told()
        self.assertIs(self.jobs.reconnect, False)
        status, details = self.report(accepted())
        self.assertEqual(status, "IN_PROGRESS")
        self.assertEqual(details, {"version": "8", "waiting": ENDPOINT})
        self.assertIs(self.jobs.reconnect, True)
        self.assertEqual(update.status()["pending"], 8)
        self.assertEqual(self.files()["roots_slot0.bin"], new_bundle())

    def test_redelivered(self):
        """The same message again, as QoS 1 allows, installs nothing and is not reported again."""
        self.report(accepted())
        before = self.files()
        for _ in range(2):
            self.assertIs(self.jobs.handle(_ACCEPTED, accepted()), True)
        self.assertEqual(self.told(), [])
        self.assertEqual(self.files(), before)
        self.assertIs(self.jobs.reconnect, True)

    def test_proved(self):
        """Once the endpoint was authenticated with it, the job has succeeded."""
        self.installed()
        self.connect()
        self.jobs.start()
        self.assertIs(self.jobs.reconnect, False)
        self.told()
        self.assertEqual(
            self.report(accepted(number=2), number=2), ("SUCCEEDED", {"version": "8"})
        )

    def test_after_reset(self):
        """What is reported after a reset follows from the flash alone; nothing comes twice."""
        self.installed()
        before = self.files()
        status, details = self.report(accepted(number=2), number=2)
        self.assertEqual((status, details["waiting"]), ("IN_PROGRESS", ENDPOINT))
        self.assertIs(self.jobs.reconnect, False)
        self.assertEqual(self.files(), before)

    def test_second_endpoint(self):
        """Of several endpoints those are reported that are still to be met."""
        about = document(new_bundle(endpoints=(ENDPOINT, _SECOND)))
        self.assertEqual(self.report(accepted(about))[1]["waiting"], ENDPOINT + "," + _SECOND)
        self.connect()
        self.jobs.start()
        self.told()
        status, details = self.report(accepted(about, number=2), number=2)
        self.assertEqual((status, details["waiting"]), ("IN_PROGRESS", _SECOND))
        # Nobody would ever come to an end who connected here again for that one.
        self.assertIs(self.jobs.reconnect, False)
        self.connect(_SECOND)
        self.jobs.start()
        self.told()
        self.assertEqual(self.report(accepted(about, number=3), number=3)[0], "SUCCEEDED")

    def test_failing(self):
        """While connections with it are refused, how often and why is in the report."""
        self.installed()
        for _ in range(2):
            self.connect(error=PeerRejected("unknown_issuer", "", "certificate"))
        self.jobs.start()
        self.told()
        status, details = self.report(accepted(number=2), number=2)
        self.assertEqual(status, "IN_PROGRESS")
        self.assertEqual((details["failures"], details["reason"]), ("2", "unknown_issuer"))

    def test_reverted(self):
        """A bundle that was gone back from has failed, for the reason that it was."""
        self.installed()
        for _ in range(slots.FAILURES):
            self.connect(error=PeerRejected("unknown_issuer", "", "certificate"))
        self.clock.now += slots.PATIENCE
        self.connect()
        self.jobs.start()
        self.told()
        status, details = self.report(accepted(number=2), number=2)
        self.assertEqual(status, "FAILED")
        self.assertEqual(
            details, {"version": "8", "code": "update_reverted", "reason": "unknown_issuer"}
        )
        self.assertEqual(update.status()["version"], 7)
        # Neither is the next one hindered by that.
        payload = accepted(document(version=9), job="job-2")
        self.assertEqual(self.report(payload, job="job-2")[0], "IN_PROGRESS")
        self.assertEqual(update.status()["pending"], 9)

    def test_kept_already(self):
        """A job for the bundle that the board has is done before it is begun."""
        before = self.files()
        self.assertEqual(self.report(accepted(kept())), ("SUCCEEDED", {"version": "7"}))
        self.assertEqual(self.files(), before)

    def test_another_of_this_version(self):
        """A bundle with the version of one that the board has, and other contents, has failed."""
        self.installed()
        for version in (7, 8):
            other = new_bundle(version, signers=(key(1).point, key(3).point))
            payload = accepted(document(other, version=version), number=version)
            status, details = self.report(payload, number=version)
            self.assertEqual((status, details["code"]), ("FAILED", "update_older"))
        self.assertEqual(update.status()["pending"], 8)

    def test_next_job(self):
        """After one job comes another, over the same connection."""
        self.report(accepted(kept()))
        about = document(version=9)
        payload = message(execution=execution(about, "job-2", status="QUEUED"))
        self.jobs.handle(_NOTIFY, payload)
        self.assertEqual(self.told(), [("start-next", {})])
        self.assertEqual(self.report(accepted(about, job="job-2"), job="job-2")[0], "IN_PROGRESS")
        self.assertEqual(update.status()["pending"], 9)


class TestRefused(Case):
    """Updates that fail for good: the flash is as it was, and AWS hears why."""

    def check(self, code, about, detail=None):
        before = self.files()
        self.jobs.start()
        self.told()
        status, details = self.report(accepted(about))
        self.assertEqual((status, details.get("code")), ("FAILED", code), str(details))
        self.assertIs(self.jobs.reconnect, False)
        self.assertEqual(self.files(), before)
        return details

    def test_updates(self):
        """Each refusal of `install` is a failure with its code."""
        good = new_bundle()
        stranger = key(3).point, key(4).point
        for code, make in (
            ("update_bad_signature", lambda: good[:-1] + bytes([good[-1] ^ 1])),
            ("update_unknown_signer", lambda: new_bundle(key=key(3), signers=stranger)),
            ("update_unsigned", lambda: bundle((_USE, EC), version=8)),
            ("update_damaged", lambda: good[:-3]),
            ("update_damaged", lambda: good[:200] + good[201:]),
            ("update_damaged", lambda: good + b"\x00"),
            ("update_expired", lambda: new_bundle(expires="20260102000000")),
            ("update_early", lambda: new_bundle(built="20900101000000")),
            ("bundle_useless", lambda: signed_bundle((_LEGACY_USE, EC))),
        ):
            self.check(code, document(make()))

    def test_older(self):
        """A version below the one that is kept, and not known here otherwise, is refused."""
        self.assertIn("7", self.check("update_older", document(version=6))["detail"])

    def test_board_without_signers(self):
        """A board whose bundle came without signers says so."""
        self.put("roots_field.bin", bundle((_USE, EC), version=7))
        self.check("update_no_signers", document())

    def test_documents(self):
        """A document of ours that does not hold together fails; it would never do better."""
        for about in (
            document(version=9, bundle=base64(new_bundle(8))),
            document(version="8"),
            document(version=8.5),
            document(version=None),
            document(bundle=""),
            document(bundle=None),
            document(bundle=[1]),
            document(bundle={"bundle": "x"}),
            document(bundle="no base64, this"),
            document(bundle=base64(new_bundle())[:-3]),
            {"operation": "ats_trust.rotate"},
        ):
            self.check("update_damaged", about)

    def test_no_bundle(self):
        """What stands in a bundle's place and is none is not mistaken for one, nor is the next."""
        for value in ("5", "null", "{}", "[]", '{"url":"x"}'):
            payload = (
                '{"execution":{"jobId":"job-1","versionNumber":1,"jobDocument":{"bundle":%s,'
                '"operation":"ats_trust.rotate","version":8}}}' % value
            )
            self.jobs.start()
            self.told()
            status, details = self.report(payload.encode())
            self.assertEqual((status, details["code"]), ("FAILED", "update_damaged"))

    def test_details(self):
        """Whatever an error says, AWS gets what it takes: no control characters, not too much."""

        def fail(source):
            raise UpdateError("update_damaged", "\x00\n\u20ac" + "x" * 2000)

        self.patch(update, "install", fail)
        details = self.check("update_damaged", document())
        # One for each byte of the euro sign.
        self.assertEqual(details["detail"], "?????" + "x" * 1019)

    def test_deep(self):
        """Brackets in brackets in brackets do nothing but fail."""
        deep = "[" * 2000 + "]" * 2000
        for version in (deep, '{"version":' + deep + "}"):
            payload = (
                '{"execution":{"jobId":"job-1","versionNumber":1,"jobDocument":{"version":%s,'
                '"operation":"ats_trust.rotate","bundle":"MAAA"}}}' % version
            )
            self.assertIs(self.jobs.handle(_ACCEPTED, payload.encode()), True)
        # CPython can not read them, and so does not even know of a job.
        reports = [sent[1]["status"] for sent in self.told()]
        self.assertEqual(reports, ["FAILED"] if sys.implementation.name == "micropython" else [])

    def test_ends_with_the_body(self):
        """A bundle that is cut off before its digest is not taken for one that the board has."""
        data = bundle((_USE, EC), version=7)
        self.put("roots_field.bin", data)
        cut = data[: header(data, header(data, 0, len(data))[1], len(data))[2]]
        status, details = self.report(accepted(document(cut, version=7)))
        self.assertEqual((status, details["code"]), ("FAILED", "update_damaged"))

    def test_ended(self):
        """An update that ended before it was proved stays: the clock may be what is wrong."""
        self.installed()
        stamp = preflight.stamp
        self.patch(preflight, "stamp", lambda seconds=None: "99980101000000")
        self.jobs.start()
        self.told()
        status, details = self.report(accepted(number=2), number=2)
        self.assertEqual((status, details["reason"]), ("IN_PROGRESS", "clock_wrong"))
        preflight.stamp = stamp
        self.connect()
        self.jobs.start()
        self.told()
        self.assertEqual(self.report(accepted(number=3), number=3)[0], "SUCCEEDED")


class TestNotYet(Case):
    """What is no fault of the update: the job stays in progress, and a later start tries again."""

    def check(self, code):
        before = self.files()
        status, details = self.report(accepted())
        self.assertEqual((status, details["code"]), ("IN_PROGRESS", code))
        self.assertIs(self.jobs.reconnect, False)
        self.assertEqual(self.files(), before)

    def test_clock(self):
        """A board whose clock is not set yet."""
        self.patch(preflight, "stamp", lambda seconds=None: "20210101000000")
        self.check("clock_wrong")

    def test_heap(self):
        """Memory that is short while the signature is checked."""

        def starve(*args):
            raise MemoryError

        genuine = update.check
        self.patch(update, "check", starve)
        self.check("heap")
        update.check = genuine
        self.jobs.start()
        self.told()
        status, details = self.report(accepted(number=2), number=2)
        self.assertEqual((status, details["waiting"]), ("IN_PROGRESS", ENDPOINT))

    def test_heap_elsewhere(self):
        """Memory that is short before the library can say so itself, or as it does."""
        for error in (MemoryError(), HeapError("heap")):

            def fail(error=error):
                raise error

            self.patch(update, "status", fail)
            self.jobs.start()
            self.told()
            self.check("heap")

    def test_flash(self):
        """A flash that can not be read or written."""

        def fail(*args):
            raise OSError(5)

        self.patch(update, "_room", fail)
        self.check("flash")

    def test_busy(self):
        """Another update is being installed."""
        update._busy.acquire()
        self.addCleanup(update._busy.release)
        self.check("update_busy")


class TestAnswers(Case):
    def test_rejected(self):
        """A refusal of what was published is ours, and nothing follows from it."""
        self.report(accepted(kept()))
        before = self.files()
        for code in (
            "VersionMismatch",
            "InvalidStateTransition",
            "TerminalStateReached",
            "ResourceNotFound",
            "RequestThrottled",
            "InternalError",
        ):
            state = {"status": "CANCELED", "versionNumber": 5, "statusDetails": {}}
            for topic in ("job-1/update/rejected", "start-next/rejected"):
                payload = message(code=code, message="", clientToken=_TOKEN, executionState=state)
                self.assertIs(self.jobs.handle(_BASE + topic, payload), True)
        self.assertEqual(self.told(), [])
        self.assertEqual(self.files(), before)

    def test_accepted(self):
        """So it is with what is accepted, and where no job is pending."""
        for topic in ("job-1/update/accepted", "start-next/accepted"):
            self.assertIs(self.jobs.handle(_BASE + topic, message(clientToken=_TOKEN)), True)
        self.assertEqual(self.told(), [])

    def test_programs_own(self):
        """Answers to what the program asked itself, and jobs of other kinds, are left to it."""
        for topic, payload in (
            ("job-1/update/accepted", message()),
            ("job-1/update/rejected", message(code="InvalidJson", clientToken="mine")),
            ("start-next/rejected", message(code="InvalidJson", clientToken="mine")),
            ("start-next/accepted", message(clientToken="mine")),
            ("start-next/accepted", accepted({"operation": "reboot", "bundle": {"url": "x"}})),
            ("start-next/accepted", accepted({"operation": "firmware", "bundle": 'a"b\\c'})),
            ("start-next/accepted", accepted({"steps": [{"bundle": "x"}], "version": 8})),
            ("start-next/accepted", accepted("a document as text")),
            ("start-next/accepted", accepted([])),
            # An answer to an update is no place for a job.
            ("job-1/update/accepted", message(execution=execution())),
        ):
            self.assertIs(self.jobs.handle(_BASE + topic, payload), False)
        self.assertEqual(self.told(), [])
        self.assertIsNone(update.status()["pending"])

    def test_program_asked(self):
        """A job of ours is ours, also where the program itself asked for the next one."""
        status, _ = self.report(message(execution=execution(kept()), clientToken="mine"))
        self.assertEqual(status, "SUCCEEDED")


class TestMalformed(Case):
    def unmoved(self, topic, payload, before):
        self.assertIs(self.jobs.handle(topic, payload), True)
        self.assertEqual(self.told(), [])
        self.assertEqual(self.files(), before)

    def test_unreadable(self):
        """What is no JSON, or no object, is dropped without a word, on every topic."""
        before = self.files()
        whole = accepted()
        for payload in (
            b"",
            b"\x00",
            b"\xff\xfe",
            b"null",
            b"[]",
            b'"text"',
            b"17",
            whole[: len(whole) // 2],
            whole + b"}",
            b"[" * 3000,
            b'{"bundle":"',
            b'{"bundle" : "' + b"A" * 12000,
            12,
            None,
        ):
            for topic in self.jobs.topics:
                self.unmoved(topic.replace("+", "job-1"), payload, before)

    def test_lenient(self):
        """What only some MicroPythons take for JSON (1.25 does without the end) does no harm."""
        before = self.files()
        for payload in (b"{", b'{"bundle"', b'{"execution":', b"{,}", b'{"execution" {"jobId"'):
            for topic in self.jobs.topics:
                self.jobs.handle(topic.replace("+", "job-1"), payload)
        self.assertEqual(self.told(), [])
        self.assertEqual(self.files(), before)

    def test_executions(self):
        """A job of ours that AWS could not even be told about is never installed."""
        before = self.files()
        for job in ("", "a/b", "+", "#", "$next", "x" * 65, "\u00e4", "a b", 7, None, ["job"]):
            self.unmoved(_ACCEPTED, accepted(job=job), before)
        for number in ("1", None, 1.5, True, [1]):
            self.unmoved(_ACCEPTED, accepted(number=number), before)
        for name in ("jobId", "versionNumber"):
            found = execution()
            del found[name]
            self.unmoved(_ACCEPTED, message(execution=found, clientToken=_TOKEN), before)
        payload = accepted(kept(), job="x" * 64)
        self.assertEqual(self.report(payload, job="x" * 64)[0], "SUCCEEDED")

    def test_strange_executions(self):
        """Whatever else stands in the place of a job is none of ours."""
        for found in (1, "text", [1], True, {"jobDocument": 1}, {"jobId": "job-1"}):
            for topic in (_ACCEPTED, _NOTIFY):
                self.assertIs(self.jobs.handle(topic, message(execution=found)), False)
        self.assertEqual(self.told(), [])

    def test_forms_of_json(self):
        """Spaces, another order and escapes that JSON allows change nothing."""
        text = base64(new_bundle())
        told = '"jobId":"job-1","versionNumber":1'
        for about in (
            '{"bundle":"%s","version":8,"operation":"ats_trust.rotate"}' % text,
            '{ "operation" : "ats_trust.rotate" , "version" : 8 , "bundle"\n:\t"%s" }' % text,
            '{"operation":"ats_trust.rotate","version":8,"bundle":"%s"}'
            % text.replace("/", "\\/"),
            '{"operation":"ats_trust.rotate","version":8,"bundle":"\\u0%03x%s"}'
            % (ord(text[0]), text[1:]),
            '{"note":"the \\"bundle\\"","operation":"ats_trust.rotate","bundle":"%s","version":8}'
            % text,
        ):
            self.jobs.start()
            self.told()
            payload = '{"execution":{%s,"jobDocument":%s}}' % (told, about)
            status, details = self.report(payload.encode())
            self.assertEqual((status, details["version"]), ("IN_PROGRESS", "8"))
            self.assertEqual(update.status()["pending"], 8)

    def test_damaged(self):
        """After random damage there is no exception, and nothing but the good bundle on flash."""
        good = new_bundle()
        whole = accepted()
        for seed in range(300):
            self.jobs.start()
            self.jobs.handle(_ACCEPTED, Mutator(seed + 1).damaged(whole))
            for name, data in self.files().items():
                if name[:10] == "roots_slot":
                    self.assertEqual(data, good)
            self.assertTrue(len(self.told()) <= 2)


class TestPublish(Case):
    def test_error(self):
        """An error of the client is the program's; after the next start all goes on."""

        def fail(topic, payload):
            raise OSError(104)

        self.jobs = Jobs("thing-1", fail)
        with self.assertRaises(OSError):
            self.jobs.start()
        with self.assertRaises(OSError):
            self.jobs.handle(_ACCEPTED, accepted(kept()))
        self.jobs._publish = self.publish
        self.jobs.start()
        self.assertEqual(self.told(), [("start-next", {})])
        self.assertEqual(self.report(accepted(kept()))[0], "SUCCEEDED")

    def test_called_back(self):
        """What arrives while a publish waits for its acknowledgement is done after it."""
        arriving = [
            [(_ACCEPTED, accepted())],
            [
                (_BASE + "job-1/update/accepted", message(clientToken=_TOKEN)),
                (_ACCEPTED, accepted()),
                (_NOTIFY, message(execution=execution(status="IN_PROGRESS"))),
                ("greetings", b"good morning"),
            ],
            [(_ACCEPTED, message(clientToken=_TOKEN))],
        ]
        inside = []
        answers = []

        def publish(topic, payload):
            self.assertEqual(inside, [])  # As umqtt, which would lose the acknowledgement.
            inside.append(topic)
            for each in arriving.pop(0):
                answers.append(self.jobs.handle(*each))
            inside.pop()
            self.publish(topic, payload)

        self.jobs = Jobs("thing-1", publish)
        self.jobs.start()
        self.assertEqual(
            [topic for topic, _ in self.told()], ["start-next", "job-1/update", "start-next"]
        )
        self.assertEqual(answers, [True, True, True, True, False, True])
        self.assertIs(self.jobs.reconnect, True)

    def test_flood(self):
        """Of what arrives during a publish no more than a few messages are kept."""
        count = []

        def publish(topic, payload):
            if not count:
                for number in range(50):
                    payload = accepted({"operation": "ats_trust.rotate"}, number=number)
                    self.jobs.handle(_ACCEPTED, payload)
            count.append(topic)

        self.jobs = Jobs("thing-1", publish)
        self.jobs.start()
        self.assertTrue(len(count) <= 5)


if __name__ == "__main__":
    unittest.main()
