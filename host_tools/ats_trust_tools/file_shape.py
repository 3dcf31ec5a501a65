"""What is in a file, by its first bytes: for whoever reads one or is about to write over it."""

from ats_trust import der

from . import der_tags


def shape(content: bytes) -> str:
    """Tell by the first elements what DER this is; "" when it is no bundle, device file or key."""
    try:
        start, stop = der.header(content, 0, len(content))[1:]
        if content[start] == der_tags.INTEGER:
            return "private key"
        start, stop = der.expect(content, start, stop, der_tags.SEQUENCE)
        after = der.expect(content, start, stop, der_tags.INTEGER)[1]
        tag, _, after = der.header(content, after, stop)
        if tag == der_tags.UTF8_STRING:
            return "device"
        if tag == der_tags.INTEGER and content[after] == der_tags.GENERALIZED_TIME:
            return "bundle"
    except (der.DerError, IndexError):
        pass
    return ""
