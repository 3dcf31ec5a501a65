"""The tags of DER (X.690) that X.509 needs, by their names in ASN.1.

The device library has those that it needs as constants of its modules, where they cost no memory.
"""

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
OID = 0x06
UTF8_STRING = 0x0C
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
SET = 0x31
