"""Import this first in a device test that needs `tls`: on a host it installs a stand-in.

Under MicroPython it does nothing, for there `tls` is the real thing. Under CPython the stand-in
offers MicroPython's API over CPython's own TLS, so that the same tests run on both.
"""

import sys

if sys.implementation.name == "cpython":
    from ats_trust_tools import micropython_tls

    micropython_tls.install()
