"""Random sequences of what can happen to a board, beside a model of the table in docs/rotation.md.

The model is written from the table alone: what is in force is a value of its own here, and it
knows nothing of files. After a power cut the board must be in the state before the event, or in
one that the event makes of it; the model goes on from there.
"""

import hashlib

import data_chains as chains
from _field import EC, RSA
from _made import bundle
from _signed import ENDPOINT, key, signed, signed_body, signed_bundle

from ats_trust import update
from ats_trust.bundle import Bundle, by_cable, name_keys
from ats_trust.endpoint import ROLE_ATS
from ats_trust.errors import PeerRejected, TrustError
from ats_trust.slots import FAILURES, PATIENCE, Attempt, State

OTHER = "def-ats.iot.eu-west-1.amazonaws.com"
_ROOTS = {"ec": (0x12, EC), "rsa": (0x11, RSA)}
# What the server sends: a chain to one of the two roots, or of somebody else's.
_CHAINS = {
    "ec": name_keys(chains.LEAF) + name_keys(chains.EC_INT),
    "rsa": name_keys(chains.LEAF) + name_keys(chains.RSA_INT),
    "stranger": bytes(32),
}
_SETS = (("ec",), ("rsa",), ("ec", "rsa"))
_BAD = (
    "update_unsigned",
    "update_unknown_signer",
    "update_bad_signature",
    "update_expired",
    "update_early",
    "update_damaged",
)


class Chance:
    """Numbers that follow from a seed, and are the same on every interpreter."""

    def __init__(self, seed):
        self._state = seed * 2654435761 & 0x7FFFFFFF

    def below(self, limit):
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % limit

    def choice(self, values):
        return values[self.below(len(values))]


class Model:
    """The state of a board, as the table has it. Bundles are tuples: see `_bundle`."""

    fields = ("kept", "pending", "final", "proved", "failures", "since", "floor", "last")

    def __init__(self, base):
        self.kept = base
        self.pending = None
        self.final = False
        self.proved = ()
        self.failures = {}
        self.since = {}
        self.floor = base[0]
        self.last = ""

    def copy(self):
        made = Model(self.kept)
        for name in self.fields:
            value = getattr(self, name)
            setattr(made, name, dict(value) if isinstance(value, dict) else value)
        return made

    def refuses(self, new, bad):
        """The code that this bundle is refused with, or None."""
        if bad in ("update_damaged", "update_unsigned"):
            return bad
        if new[0] <= self.floor:
            return "update_older"
        if bad in ("update_early", "update_expired"):
            return bad
        named = () if self.final else self.kept[2]
        named += self.pending[2] if self.pending else ()
        signer = 9 if bad == "update_unknown_signer" else new[3]
        if signer not in named or signer not in new[2]:
            return "update_unknown_signer"
        return bad

    def install(self, new):
        if self.final:
            self.kept = self.pending
        _, anchors, signers, _, _distrust, _ = self.kept
        left_out = not set(anchors) <= set(new[1]) or not set(signers) <= set(new[2])
        self._settle("")
        self.pending = new
        self.final = distrust_of(new) and left_out
        self.floor = new[0]

    def goes_back(self, host, now):
        failed = self.failures.get(host, 0) >= FAILURES
        return failed and not self.final and not 0 <= now - self.since[host] < PATIENCE

    def uses(self, host, now):
        """The bundle that a connection uses."""
        if not self.pending:
            return self.kept
        if host not in self.pending[5]:
            return self.pending if self.final else self.kept
        return self.kept if self.goes_back(host, now) else self.pending

    def begin(self, host, now):
        """An attempt is made. Returns whether it was counted."""
        if not self.pending or host not in self.pending[5]:
            return False
        if self.goes_back(host, now):
            self.since[host] = now
            return False
        count = self.failures.get(host, 0)
        if count >= FAILURES:
            return False
        if not count:
            self.since[host] = now
        self.failures[host] = count + 1
        return True

    def end(self, host, outcome, counted, back):
        if not self.pending or host not in self.pending[5]:
            return
        if outcome == "authenticated":
            self.failures[host] = 0
            if back and self.pending[1] != self.kept[1]:
                self._settle("reverted")
            else:
                self.proved = tuple(sorted(set(self.proved) | {host}))
                if set(self.proved) == set(self.pending[5]):
                    self.kept = self.pending
                    self._settle("confirmed")
        elif outcome == "network" and counted:
            self.failures[host] -= 1

    def _settle(self, last):
        self.pending = None
        self.final = False
        self.proved = ()
        self.failures = {}
        self.since = {}
        self.last = last

    def view(self):
        pending = self.pending
        return (
            (pending or self.kept)[0],
            pending and pending[0],
            None if self.final else self.kept[0],
            tuple(sorted(self.proved)),
            max(list(self.failures.values()) or [0]),
            self.last,
            self.floor,
        )


def distrust_of(new):
    return new[4]


def base(field):
    """Bring the bundle by cable that every sequence begins with."""
    field.base((0x12, EC), signers=(key(1).point, key(2).point), endpoints=(ENDPOINT,))


def real_view():
    found = update.status()
    if not found["digest"]:
        raise AssertionError("an unsigned bundle is in force")
    return (
        found["version"],
        found["pending"],
        found["kept"],
        tuple(sorted(found["proved"])),
        found["failures"],
        found["last"],
        found["floor"],
    )


class Sequence:
    """One board and its model. field: a _power.PoweredField. made: {bundle: bytes}, kept by the
    caller, since making and checking signatures takes most of the time. counts: {what: how often}.
    """

    def __init__(self, field, seed, made, counts):
        self.field = field
        self.chance = Chance(seed)
        self.made = made
        self.counts = counts
        self.server = "ec"
        self.base = by_cable()  # As a context remembers it.
        self.model = Model((1, ("ec",), (1, 2), 1, False, (ENDPOINT,)))

    def run(self, events):
        for _ in range(events):
            what = self.chance.below(10)
            if what < 2:
                self._install()
            elif what == 2:
                self.server = self.chance.choice(("ec", "rsa"))
            elif what == 3:
                self.field.clock.now += self.chance.choice((60, 900, 5 * PATIENCE))
            elif what < 6:
                for _ in range(FAILURES):
                    self._connect(ENDPOINT, "stranger")
                self.field.clock.now += self.chance.choice((0, PATIENCE))
            else:
                host = self.chance.choice((ENDPOINT, ENDPOINT, OTHER, "broker.example.com"))
                kinds = (self.server, self.server, "stranger", "network", "reset")
                self._connect(host, self.chance.choice(kinds))
            self._check()

    def _check(self):
        real, model = real_view(), self.model.view()
        if real != model:
            raise AssertionError("the board has %r, the model %r" % (real, model))

    def _count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def _bundle(self):
        """(version, roots, signers by number, signer's number, distrust, endpoints)."""
        chance = self.chance
        version = max(1, self.model.floor - 1 + chance.below(4))
        signers = chance.choice(((1, 2), (1, 2), (1, 3), (2, 3)))
        endpoints = chance.choice(((ENDPOINT,), (ENDPOINT,), (ENDPOINT, OTHER)))
        distrust = chance.below(6) == 0
        return version, chance.choice(_SETS), signers, chance.choice(signers), distrust, endpoints

    def _encoded(self, new, bad):
        name = new, bad
        if name not in self.made:
            if len(self.made) > 1000:
                self.made.clear()
            version, anchors, signers, signer, distrust, endpoints = new
            fields = {
                "version": version,
                "distrust": distrust,
                "endpoints": endpoints,
                "signers": tuple(key(number).point for number in signers),
            }
            anchors = tuple(_ROOTS[anchor] for anchor in anchors)
            if bad == "update_early":
                fields["built"] = "20980101000000"
            elif bad == "update_expired":
                fields["expires"] = "20260102000000"
            elif bad == "update_unknown_signer":
                fields["signers"] = (key(9).point, fields["signers"][1])
                signer = 9
            if bad == "update_unsigned":
                data = bundle(*anchors, version=version)
            elif bad == "update_bad_signature":
                body = signed_body(*anchors, **fields)
                data = signed(body, key(signer), key(9).sign(body))
            else:
                data = signed_bundle(*anchors, key=key(signer), **fields)
            self.made[name] = data[:-1] if bad == "update_damaged" else data
        return self.made[name]

    def _install(self):
        new = self._bundle()
        bad = self.chance.choice(_BAD) if self.chance.below(4) == 0 else None
        data = self._encoded(new, bad)
        expected = self.model.refuses(new, bad)
        after = self.model.copy()
        if not expected:
            after.install(new)
        code = None
        self._power()
        try:
            update.install(data)
        except TrustError as error:
            code = error.code
        except OSError:
            code = "power"
        if self._rebooted((self.model, after)):
            return
        if code != expected:
            raise AssertionError("%r: %s, the model says %s" % ((new, bad), code, expected))
        self._count("installed" if not code else code)
        self.model = after

    def _connect(self, host, server):
        now = self.field.clock.now
        used = self.model.uses(host, now)
        back = bool(self.model.pending) and self.model.goes_back(host, now)
        begun = self.model.copy()
        counted = begun.begin(host, now)
        after = begun.copy()
        if server == "network" or server == "reset":
            outcome = server
        else:
            outcome = "authenticated" if server in used[1] else "refused"
        after.end(host, outcome, counted, back)
        self._power()
        try:
            attempt = Attempt(host, ROLE_ATS, self.base)
            found = Bundle(*attempt.bundle)
            attempt.begin()
            chain = _CHAINS.get(server, b"")
            good = [hashlib.sha256(each).digest() for each in found.find(chain, ROLE_ATS)]
            if server == "network":
                attempt.end(OSError(104))
            elif server != "reset":
                attempt.end(None if good else PeerRejected("unknown_issuer"), chain, good)
        except (OSError, TrustError):
            if not self.field.power.failed:
                raise
        if not self.field.power.failed:  # Else there is no board any more that goes on.
            if found.version != used[0] or not found.signed:
                raise AssertionError("%d was used, not %d" % (found.version, used[0]))
            if bool(good) != (outcome == "authenticated"):
                raise AssertionError("%s was %s" % (server, outcome))
        if self._rebooted((self.model, begun, after)):
            return
        self._count(after.last if after.last != self.model.last else outcome)
        self.model = after

    def _power(self):
        """Now and then let the power fail in what comes next."""
        self.field.power.on()
        if self.chance.below(6) == 0:
            self.field.power.left = self.chance.below(24)
            self.field.power.torn = bool(self.chance.below(2))

    def _rebooted(self, candidates):
        """After a power cut: boot, and find out which of the states it is. Returns whether."""
        if not self.field.power.failed:
            self.field.power.left = -1
            return False
        self.field.reboot()
        real = real_view()
        # The latest that fits: states that look alike may differ in what is not shown.
        for model in reversed(candidates):
            if model.view() == real and _times(model):
                self.model = model
                self._count("power cut")
                return True
        raise AssertionError(
            "after a power cut: %r, none of %r" % (real, [each.view() for each in candidates])
        )


def _times(model):
    """Whether the board remembers what the model does of when attempts failed."""
    if not model.pending:
        return True
    state = State()
    for number, host in enumerate(model.pending[5]):
        if model.failures.get(host, 0) != state.failures[number]:
            return False
        if model.failures.get(host) and model.since[host] != state.since[number]:
            return False
    return True
