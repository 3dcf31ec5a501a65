"""Chains and callbacks that the host's `tls` must treat as MicroPython's does.

`CASES` maps what is peculiar to a function that makes it: (a server's handler, the fields of a
case for tls_probe).
"""

from datetime import timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes

import tls_pki as pki
import tls_servers as servers
from tls_pki import HOST

EC, RSA = "SECP256R1", "rsa2048"
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
EXCLUDED = x509.NameConstraints(None, [x509.DNSName(HOST)])


def case(*certificates, trust=None, anchors=None, server=None, **fields):
    """(server's handler, case): `certificates` are served, the leaf first."""
    fields["anchors"] = [der.hex() for der in anchors or ([trust.der] if trust else [])]
    return servers.answering(servers.context(*certificates, **(server or {}))), fields


def simple(kind=EC, told=None, **changes):
    """The chain of `pki.chain`, served with its intermediate; its root is trusted."""
    root, middle, leaf = pki.chain(kind, **changes)
    return case(leaf, middle, trust=root, **(told or {}))


def wrong_ca():
    _, middle, leaf = pki.chain()
    other = pki.issue(pki.name("Root"), pki.key(EC, 9), ca=True)
    return case(leaf, middle, trust=other)


def without_intermediate():
    root, _, leaf = pki.chain()
    return case(leaf, trust=root)


def sha1_leaf():
    root, middle, leaf = pki.chain(RSA)
    return case(pki.signed_with_sha1(leaf, middle), middle, trust=root)


def sha1_intermediate():
    root, middle, leaf = pki.chain(RSA)
    return case(leaf, pki.signed_with_sha1(middle, root), trust=root)


def trimmed(kind=EC, **changes):
    root, middle, leaf = pki.chain(kind, **changes)
    return case(leaf, middle, anchors=[pki.trimmed(root)])


def trimmed_other_key():
    _, middle, leaf = pki.chain()
    other = pki.issue(pki.name("Root"), pki.key(EC, 9), ca=True)
    return case(leaf, middle, anchors=[pki.trimmed(other)])


def late(kind=EC, anchor=lambda root: root.der, before=()):
    root, middle, leaf = pki.chain(kind)
    return case(leaf, middle, anchors=before, late=[anchor(root).hex()])


def late_wrong():
    _, middle, leaf = pki.chain()
    other = pki.issue(pki.name("Root"), pki.key(EC, 9), ca=True)
    return case(leaf, middle, late=[other.der.hex()])


def two_in_one_blob(first):
    root, middle, leaf = pki.chain()
    other = pki.issue(pki.name("Other"), pki.key(EC, 9), ca=True)
    pair = [root.der, other.der] if first else [other.der, root.der]
    return case(leaf, middle, anchors=[b"".join(pair)])


def two_roots_of_one_name():
    root, middle, leaf = pki.chain()
    other = pki.issue(pki.name("Root"), pki.key(EC, 9), ca=True)
    return case(leaf, middle, anchors=[other.der, root.der])


def root_sent_along():
    root, middle, leaf = pki.chain()
    return case(leaf, middle, root, trust=root)


def root_sent_along_untrusted():
    root, middle, leaf = pki.chain()
    other = pki.issue(pki.name("Other"), pki.key(EC, 9), ca=True)
    return case(leaf, middle, root, trust=other)


def cross_signed(sent):
    """As AWS does it: the root is also signed by an older one, and sent so."""
    old = pki.issue(pki.name("Old"), pki.key(RSA, 8), ca=True)
    root, middle, leaf = pki.chain()
    cross = pki.issue(pki.name("Root"), root.private, old, ca=True)
    return case(leaf, middle, cross, trust={"old": old, "new": root}[sent])


def out_of_order():
    root, middle, leaf = pki.chain()
    top = pki.issue(pki.name("Above"), pki.key(EC, 8), root, ca=True)
    return case(leaf, top, middle, trust=root)


def intermediate_as_anchor(form):
    _, middle, leaf = pki.chain()
    return case(leaf, middle, anchors=[form(middle)])


def leaf_as_anchor(self_signed):
    _, middle, leaf = pki.chain()
    if self_signed:
        leaf = pki.issue(pki.name("self"), pki.key(EC, 3), sans=[x509.DNSName(HOST)])
    return case(leaf, middle, trust=leaf)


def no_anchor():
    _, middle, leaf = pki.chain()
    return case(leaf, middle)


def long_chain(length):
    root = pki.issue(pki.name("Root"), pki.key(EC, 1), ca=True)
    made = [root]
    for number in range(length):
        made.append(pki.issue(pki.name(f"CA {number}"), pki.key(EC, number), made[-1], ca=True))
    leaf = pki.issue(pki.name("leaf"), pki.key(EC, 3), made[-1], sans=[x509.DNSName(HOST)])
    return case(leaf, *reversed(made[1:]), trust=root)


def bad_signature():
    root, _, leaf = pki.chain()
    other = pki.issue(pki.name("Issuing"), pki.key(EC, 9), root, ca=True)
    return case(leaf, other, trust=root)


def client_certificate(kind, give=True, known=True):
    root, middle, leaf = pki.chain()
    ca = pki.issue(pki.name("Devices"), pki.key(EC, 6), ca=True)
    told = {}
    if give:
        signer = ca if known else pki.issue(pki.name("Devices"), pki.key(EC, 7), ca=True)
        device = pki.issue(pki.name("device"), pki.key(kind, 5), signer)
        told = {"cert": device.der.hex(), "key": device.private_der.hex()}
    return case(leaf, middle, trust=root, server={"client_ca": ca}, **told)


def both_identities(ciphers=None):
    root, middle, leaf = pki.chain()
    rsa_root, rsa_middle, rsa_leaf = pki.chain(RSA)
    fields = {"ciphers": ciphers} if ciphers else {}
    return case(
        leaf,
        middle,
        anchors=[root.der, rsa_root.der],
        server={"others": [(rsa_leaf, rsa_middle)]},
        **fields,
    )


def many_faults(trusted=True):
    root, middle, leaf = pki.chain(
        kinds=("rsa1024", "rsa1024", RSA),
        leaf={**OLD, "sans": [x509.DNSName("x.test")], "purposes": [pki.CLIENT_AUTH]},
    )
    other = pki.issue(pki.name("Other"), pki.key(EC, 9), ca=True)
    return case(leaf, middle, trust=root if trusted else other)


YEAR = timedelta(days=365)
OLD = {"start": -2 * YEAR, "end": -YEAR}
NEW = {"start": YEAR, "end": 2 * YEAR}

CASES = {
    "good ECDSA": lambda: simple(),
    "good RSA": lambda: simple(RSA),
    "good P-384": lambda: simple("SECP384R1"),
    "good P-521": lambda: simple("SECP521R1"),
    "good RSA root over P-256": lambda: simple(kinds=("rsa4096", EC, EC)),
    "good, through a Python stream": lambda: simple(told={"stream": True}),
    "wrong CA": wrong_ca,
    "missing intermediate": without_intermediate,
    "bad signature": bad_signature,
    "expired": lambda: simple(leaf=OLD),
    "expired intermediate": lambda: simple(middle=OLD),
    "expired root": lambda: simple(root=OLD),
    "future": lambda: simple(leaf=NEW),
    "future root": lambda: simple(root=NEW),
    "expired, name and usage": lambda: simple(
        leaf={**OLD, "sans": [x509.DNSName("x.test")], "purposes": [pki.CLIENT_AUTH]}
    ),
    "many faults": many_faults,
    "more faults than the text holds": lambda: many_faults(trusted=False),
    "wrong name": lambda: simple(leaf={"sans": [x509.DNSName("other.test")]}),
    "name in another case": lambda: simple(leaf={"sans": [x509.DNSName("HOST.Test")]}),
    "wildcard": lambda: simple(leaf={"sans": [x509.DNSName("*.test")]}),
    "wildcard of two labels": lambda: simple(
        told={"host": "a.host.test"}, leaf={"sans": [x509.DNSName("*.test")]}
    ),
    "wildcard inside a label": lambda: simple(leaf={"sans": [x509.DNSName("ho*.test")]}),
    "address": lambda: simple(
        told={"host": "127.0.0.1"}, leaf={"sans": [x509.IPAddress(ip_address("127.0.0.1"))]}
    ),
    "address as DNS name": lambda: simple(
        told={"host": "127.0.0.1"}, leaf={"sans": [x509.DNSName("127.0.0.1")]}
    ),
    "another address": lambda: simple(
        told={"host": "127.0.0.1"}, leaf={"sans": [x509.IPAddress(ip_address("127.0.0.2"))]}
    ),
    "common name only": lambda: simple(leaf={"subject": pki.name(HOST), "sans": None}),
    "common name only, wrong": lambda: simple(leaf={"subject": pki.name("x"), "sans": None}),
    "two common names": lambda: simple(leaf={"subject": pki.name("x", HOST), "sans": None}),
    "right common name, wrong SAN": lambda: simple(
        leaf={"subject": pki.name(HOST), "sans": [x509.DNSName("x.test")]}
    ),
    "right common name, SAN of another kind": lambda: simple(
        leaf={"subject": pki.name(HOST), "sans": [x509.RFC822Name("a@host.test")]}
    ),
    "empty subject": lambda: simple(leaf={"subject": x509.Name([])}),
    "no CA": no_anchor,
    "no CA, wrong name": lambda: (simple(leaf={"sans": [x509.DNSName("x")]})[0], {}),
    "RSA-1024 leaf": lambda: simple(kinds=(RSA, RSA, "rsa1024")),
    "RSA-1024 intermediate": lambda: simple(kinds=(RSA, "rsa1024", RSA)),
    "RSA-1024 root": lambda: simple(kinds=("rsa1024", RSA, RSA)),
    "SHA-1 leaf": sha1_leaf,
    "SHA-1 intermediate": sha1_intermediate,
    "SHA-224": lambda: simple(leaf={"digest": hashes.SHA224()}),
    "SHA-512": lambda: simple(RSA, leaf={"digest": hashes.SHA512()}),
    "PSS": lambda: simple(RSA, leaf={"pss": True}),
    "secp256k1 intermediate": lambda: simple(kinds=(EC, "SECP256K1", EC)),
    "secp224r1 intermediate": lambda: simple(kinds=(EC, "SECP224R1", EC)),
    "secp192r1 intermediate": lambda: simple(kinds=(EC, "SECP192R1", EC)),
    "brainpool intermediate": lambda: simple(kinds=(EC, "BrainpoolP256R1", EC)),
    "brainpool root": lambda: simple(kinds=("BrainpoolP384R1", EC, EC)),
    "Ed25519 intermediate": lambda: simple(kinds=(EC, "ed25519", EC)),
    "for clients only": lambda: simple(leaf={"purposes": [pki.CLIENT_AUTH]}),
    "for servers": lambda: simple(leaf={"purposes": [pki.SERVER_AUTH]}),
    "CA for clients only": lambda: simple(middle={"purposes": [pki.CLIENT_AUTH]}),
    "key agreement only": lambda: simple(leaf={"key_usage": ["key_agreement"]}),
    "key encipherment only": lambda: simple(RSA, leaf={"key_usage": ["key_encipherment"]}),
    "digital signature only": lambda: simple(RSA, leaf={"key_usage": ["digital_signature"]}),
    "RSA key exchange, signature key": lambda: simple(
        RSA,
        leaf={"key_usage": ["digital_signature"]},
        told={"ciphers": ["TLS-RSA-WITH-AES-128-GCM-SHA256"]},
    ),
    "RSA key exchange": lambda: simple(
        RSA,
        leaf={"key_usage": ["key_encipherment"]},
        told={"ciphers": ["TLS-RSA-WITH-AES-128-GCM-SHA256"]},
    ),
    "name constraint": lambda: simple(middle={"extensions": [(EXCLUDED, False)]}),
    "critical name constraint": lambda: simple(middle={"extensions": [(EXCLUDED, True)]}),
    "unknown critical extension": lambda: simple(leaf={"extensions": [(UNKNOWN, True)]}),
    "unknown extension": lambda: simple(leaf={"extensions": [(UNKNOWN, False)]}),
    "critical policy": lambda: simple(
        leaf={
            "extensions": [
                (
                    x509.CertificatePolicies(
                        [x509.PolicyInformation(x509.ObjectIdentifier("1.2.3"), None)]
                    ),
                    True,
                )
            ]
        }
    ),
    "intermediate is no CA": lambda: simple(middle={"ca": False}),
    "intermediate without CA mark": lambda: simple(middle={"constraints": False}),
    "root without CA mark": lambda: simple(root={"constraints": False}),
    "intermediate must not sign": lambda: simple(middle={"key_usage": ["digital_signature"]}),
    "root must not sign": lambda: simple(root={"key_usage": ["digital_signature"]}),
    "path length kept": lambda: simple(root={"path_length": 1}),
    "path length exceeded": lambda: simple(root={"path_length": 0}),
    "trimmed anchor": lambda: trimmed(),
    "trimmed RSA anchor": lambda: trimmed(RSA),
    "trimmed anchor, expired": lambda: trimmed(root=OLD),
    "trimmed anchor of another key": trimmed_other_key,
    "CA loaded in mid-handshake": lambda: late(),
    "CA loaded in mid-handshake, RSA": lambda: late(RSA),
    "trimmed CA loaded in mid-handshake": lambda: late(anchor=lambda root: pki.trimmed(root)),
    "wrong CA loaded in mid-handshake": late_wrong,
    "two in one blob, right one first": lambda: two_in_one_blob(True),
    "two in one blob, right one second": lambda: two_in_one_blob(False),
    "two roots of one name": two_roots_of_one_name,
    "root sent along": root_sent_along,
    "root sent along, not trusted": root_sent_along_untrusted,
    "cross-signed, new root": lambda: cross_signed("new"),
    "cross-signed, old root": lambda: cross_signed("old"),
    "out of order": out_of_order,
    "intermediate as anchor": lambda: intermediate_as_anchor(lambda one: one.der),
    "trimmed intermediate as anchor": lambda: intermediate_as_anchor(pki.trimmed),
    "leaf as anchor": lambda: leaf_as_anchor(False),
    "self-signed leaf as anchor": lambda: leaf_as_anchor(True),
    "eight intermediates": lambda: long_chain(8),
    "nine intermediates": lambda: long_chain(9),
    "callback refuses at the top": lambda: simple(told={"answers": {"2": -0x3000}}),
    "callback refuses at the leaf": lambda: simple(told={"answers": {"0": -0x3000}}),
    "callback gives a small number": lambda: simple(told={"answers": {"1": -5}}),
    "callback gives a positive number": lambda: simple(told={"answers": {"1": 7}}),
    "callback gives True": lambda: simple(told={"answers": {"1": True}}),
    "callback gives verify-failed": lambda: simple(told={"answers": {"0": -0x2700}}),
    "callback gives None": lambda: simple(told={"answers": {"0": None}}),
    "callback gives a string": lambda: simple(told={"answers": {"0": "no"}}),
    "callback raises": lambda: simple(told={"answers": {"1": "raise"}}),
    "callback refuses a refused chain": lambda: simple(leaf=OLD, told={"answers": {"0": -0x3000}}),
    "no callback": lambda: simple(told={"callback": False}),
    "no callback, refused": lambda: simple(leaf=OLD, told={"callback": False}),
    "verification off": lambda: simple(leaf=OLD, told={"mode": 0}),
    "verification optional": lambda: simple(leaf=OLD, told={"mode": 1}),
    "verification optional, callback refuses": lambda: simple(
        told={"mode": 1, "answers": {"0": -0x3000}}
    ),
    "verification off, no name": lambda: simple(told={"mode": 0, "host": None}),
    "verification optional, wrong usage": lambda: simple(
        leaf={"purposes": [pki.CLIENT_AUTH]}, told={"mode": 1}
    ),
    "verification off, weak key": lambda: simple("rsa1024", told={"mode": 0}),
    "client certificate, ECDSA": lambda: client_certificate(EC),
    "client certificate, RSA": lambda: client_certificate(RSA),
    "both identities": lambda: both_identities(),
    "both identities, RSA asked for": lambda: both_identities(
        ["TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256"]
    ),
}
