"""The emulator's certificate authorities, the chains they issue, and devices' certificates.

Rules it keeps: roots have AWS's own dates, so that what is computed from them is realistic;
everything below is dated relative to today; what is asked for twice is the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ats_trust_tools.emulate import profiles
from ats_trust_tools.emulate.keys import Keys, PrivateKey, private_key_der, private_key_pem
from ats_trust_tools.emulate.profiles import Issuer, to_der
from ats_trust_tools.emulate.recipe import Authority, Recipe

ROOTS = ("rsa", "rsa-4096", "ecdsa", "ecdsa-384", "starfield")
LEGACY_ROOT = "verisign"
DeviceKey = Literal["rsa", "ecdsa"]


@dataclass(frozen=True)
class Chain:
    """What a server needs: the certificates it sends (DER, leaf first) and its private key.

    whole_leaf: the leaf before anything was cut off. is_consistent: the leaf can be read and the
    key is its own, so that OpenSSL will serve it.
    """

    certificates: tuple[bytes, ...]
    key: PrivateKey
    whole_leaf: bytes
    is_consistent: bool


@dataclass(frozen=True)
class _RootShape:
    common_name: str
    key: str
    starts: datetime
    ends: datetime


def _day(year: int, month: int, day: int, clock: time = time()) -> datetime:
    return datetime.combine(date(year, month, day), clock, UTC)


_LAST = time(23, 59, 59)
_ROOT_SHAPES = {
    "rsa": _RootShape("Root CA 1", "rsa-2048", _day(2015, 5, 26), _day(2038, 1, 17)),
    "rsa-4096": _RootShape("Root CA 2", "rsa-4096", _day(2015, 5, 26), _day(2040, 5, 26)),
    "ecdsa": _RootShape("Root CA 3", "p256", _day(2015, 5, 26), _day(2040, 5, 26)),
    "ecdsa-384": _RootShape("Root CA 4", "p384", _day(2015, 5, 26), _day(2040, 5, 26)),
    "starfield": _RootShape(
        "Services Root CA - G2", "rsa-2048", _day(2009, 9, 1), _day(2037, 12, 31, _LAST)
    ),
    LEGACY_ROOT: _RootShape(
        "Class 3 Public Primary CA - G5",
        "rsa-2048",
        _day(2006, 11, 8),
        _day(2036, 7, 16, _LAST),
    ),
}
_CROSS_SIGNED_FROM = _day(2015, 5, 25, time(12))
_CROSS_SIGNED_TO = _day(2037, 12, 31, time(1))
_YEAR = timedelta(days=365)
_LEAF_KEYS = {"rsa": "rsa-2048", "ecdsa": "p256"}
_INTERMEDIATES = {"rsa": "RSA 2048 M04", "ecdsa": "ECDSA 256 M02"}
_BRANDS: dict[Authority, str] = {
    "genuine": "ats_trust emulator",
    "same-names": "ats_trust emulator",
    "unknown": "ats_trust emulator stranger",
    "legacy": "ats_trust emulator legacy",
}


class Pki:
    """All the authorities of one emulator. `host` decides the names in the leaves."""

    def __init__(self, keys: Keys, host: str, now: datetime | None = None) -> None:
        self._keys = keys
        self.host = host
        self._midnight = (now or datetime.now(UTC)).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        self._chains: dict[Recipe, Chain] = {}
        self._devices: dict[DeviceKey, tuple[x509.Certificate, PrivateKey]] = {}

    def root(self, name: str, authority: Authority = "genuine") -> x509.Certificate:
        """The self-signed root `name`: one of ROOTS, or LEGACY_ROOT.

        authority: whose, where it is not the genuine one's: "unknown" or "same-names".
        """
        shape = _ROOT_SHAPES[name]
        root = self._root(name, "legacy" if name == LEGACY_ROOT else authority)
        amazons = name not in ("starfield", LEGACY_ROOT)
        builder = profiles.ca(root, shape.starts, shape.ends, digital_signature=amazons)
        return profiles.signed(builder.issuer_name(root.name), root.key)

    def roots_pem(self) -> bytes:
        """The five roots that a client should trust, in PEM."""
        return b"".join(map(_pem, map(self.root, ROOTS)))

    def chain(self, recipe: Recipe) -> Chain:
        """The chain that the recipe describes."""
        if recipe not in self._chains:
            self._chains[recipe] = self._build(recipe)
        return self._chains[recipe]

    def device_pem(self, kind: DeviceKey) -> tuple[bytes, bytes]:
        """A device's certificate and key in PEM, as AWS gives them (PKCS#1 or SEC1)."""
        certificate, key = self._device(kind)
        return _pem(certificate), private_key_pem(key, traditional=True)

    def device_der(self, kind: DeviceKey) -> tuple[bytes, bytes]:
        """A device's certificate and key in DER, the key as PKCS#1 or SEC1."""
        certificate, key = self._device(kind)
        return to_der(certificate), private_key_der(key)

    def device_ca_pem(self, *, usable: bool = True) -> bytes:
        """The CA that a server with mutual TLS asks for, in PEM.

        Not `usable`: the same CA under a constraint that no device certificate meets. A server
        that trusts this one answers every device with the alert certificate_unknown, as AWS does
        for a certificate that is not active.
        """
        authority = self._device_ca()
        starts = self._midnight - 2 * _YEAR
        builder = profiles.ca(authority, starts, starts + 20 * _YEAR)
        if not usable:
            nobody = x509.DirectoryName(profiles.ca_name("ats_trust emulator", "no device"))
            builder = builder.add_extension(x509.NameConstraints([nobody], None), critical=True)
        return _pem(profiles.signed(builder.issuer_name(authority.name), authority.key))

    def leaf_names(self, recipe: Recipe) -> tuple[str, str]:
        """The two DNS names of the leaf: a wildcard, and the name that it hangs under."""
        parent = self.host.partition(".")[2]
        if recipe.names == "one-label-short":
            parent = parent.partition(".")[2]
        elif recipe.names == "other-region":
            region = "us-east-1" if ".eu-west-2." in self.host else "eu-west-2"
            parent = f"iot.{region}.amazonaws.com"
        return f"*.{parent}", parent

    def _build(self, recipe: Recipe) -> Chain:
        legacy = recipe.authority == "legacy"
        root = self._root(LEGACY_ROOT if legacy else recipe.kind, recipe.authority)
        issuer, intermediates = self._intermediates(recipe, root)
        key = self._keys.get(
            f"{recipe.authority}-leaf", recipe.leaf_key or _LEAF_KEYS[recipe.kind]
        )
        leaf = self._leaf(recipe, issuer, key)
        sent = [leaf[: len(leaf) - recipe.leaf_cut]]
        if not recipe.self_signed:
            if recipe.send_intermediate:
                sent += map(to_der, intermediates)
            if recipe.tail == "cross-signed" and not legacy:
                sent.append(to_der(self._cross_signed(recipe, root)))
        while sum(map(len, sent)) < recipe.bytes_at_least:
            sent.append(to_der(self._stray(recipe, root, len(sent))))
        if not recipe.holds_leaf_key:
            key = self._thief(key)
        return Chain(tuple(sent), key, leaf, recipe.holds_leaf_key and not recipe.leaf_cut)

    def _thief(self, genuine: PrivateKey) -> PrivateKey:
        """Another key of the same kind; an RSA one with the smaller modulus.

        Else some of its signatures would be numbers that the genuine key can not even be tried
        on, and clients would give now the one error for them and now another.
        """
        if not isinstance(genuine, rsa.RSAPrivateKey):
            return self._keys.get("thief", _LEAF_KEYS["ecdsa"])
        limit = genuine.public_key().public_numbers().n
        for attempt in range(24):
            key = self._keys.get(f"thief-{attempt}", _LEAF_KEYS["rsa"])
            if isinstance(key, rsa.RSAPrivateKey) and key.public_key().public_numbers().n < limit:
                break
        return key

    def _root(self, name: str, authority: Authority) -> Issuer:
        shape = _ROOT_SHAPES[name]
        return self._issuer(authority, shape.common_name, shape.key)

    def _issuer(self, authority: Authority, common_name: str, key: str) -> Issuer:
        slug = common_name.lower().replace(" ", "")
        return Issuer(
            profiles.ca_name(_BRANDS[authority], common_name),
            self._keys.get(f"{authority}-{slug}", key),
            slug,
        )

    def _device(self, kind: DeviceKey) -> tuple[x509.Certificate, PrivateKey]:
        if kind not in self._devices:
            key = self._keys.get("device", _LEAF_KEYS[kind])
            ends = _day(2049, 12, 31, _LAST)
            name = "ats_trust emulator device certificate"
            builder = profiles.device(name, key, self._midnight - _YEAR, ends)
            self._devices[kind] = (profiles.issued(builder, self._device_ca()), key)
        return self._devices[kind]

    def _device_ca(self) -> Issuer:
        return self._issuer("genuine", "device CA", "rsa-2048")

    def _cross_signed(self, recipe: Recipe, root: Issuer) -> x509.Certificate:
        """The root's name and key, signed by the Starfield-shaped root, as servers send it."""
        starfield = self._root("starfield", recipe.authority)
        builder = profiles.ca(root, _CROSS_SIGNED_FROM, _CROSS_SIGNED_TO)
        builder = profiles.places_of(builder, starfield, profiles.ANY_POLICY)
        return profiles.issued(builder, starfield)

    def _intermediates(
        self, recipe: Recipe, root: Issuer
    ) -> tuple[Issuer, list[x509.Certificate]]:
        """The leaf's issuer, and the certificates from it up to just below the root."""
        name = _INTERMEDIATES[recipe.kind]
        names = [name, f"{name} below"] if recipe.second_intermediate else [name]
        issuer = root
        certificates: list[x509.Certificate] = []
        for common_name in names:
            subject = self._issuer(
                recipe.authority, common_name, recipe.intermediate_key or _LEAF_KEYS[recipe.kind]
            )
            certificates.insert(0, self._intermediate(recipe, subject, issuer))
            issuer = subject
        return issuer, certificates

    def _intermediate(self, recipe: Recipe, subject: Issuer, issuer: Issuer) -> x509.Certificate:
        starts = self._midnight - 4 * _YEAR
        builder = profiles.ca(
            subject, starts, starts + 8 * _YEAR, is_ca=recipe.intermediate_is_ca, path_length=0
        )
        both = profiles.extended_usage(("server", "client"))
        builder = builder.add_extension(both, critical=False)
        if recipe.permitted_names:
            # RFC 5280 wants this critical; CAs leave that out for the sake of clients that know
            # no name constraints. Mbed TLS is one: it gives up on a critical one.
            permitted = [x509.DNSName(name) for name in recipe.permitted_names]
            builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=False)
        if recipe.critical_constraints:
            permitted = [x509.DNSName(self.leaf_names(recipe)[1])]
            builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
        builder = profiles.places_of(builder, issuer, profiles.DOMAIN_VALIDATED)
        return profiles.issued(builder, issuer)

    def _leaf(self, recipe: Recipe, issuer: Issuer, key: PrivateKey) -> bytes:
        names = self.leaf_names(recipe)
        starts = self._midnight + recipe.starts
        ends = self._midnight + recipe.ends - timedelta(seconds=1)
        builder = profiles.leaf(names, key, starts, ends, in_san=recipe.names_in_san)
        builder = builder.add_extension(profiles.extended_usage(recipe.usages), critical=False)
        if recipe.self_signed:
            subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
            issuer = Issuer(subject, key, "self")
        builder = profiles.places_of(builder, issuer, profiles.DOMAIN_VALIDATED)
        leaf = to_der(profiles.issued(builder, issuer))
        if recipe.leaf_digest == "sha1":
            return profiles.signed_with_sha1(leaf, issuer.key)
        return leaf

    def _stray(self, recipe: Recipe, root: Issuer, number: int) -> x509.Certificate:
        """A certificate that is on no path: only its length counts."""
        key = _LEAF_KEYS[recipe.kind]
        name = profiles.ca_name(_BRANDS[recipe.authority], f"stray intermediate {number}")
        stray = Issuer(name, self._keys.get(f"{recipe.authority}-stray", key), "stray")
        return self._intermediate(recipe, stray, root)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
