"""Make a TLS connection, send one message, report what came of it.

With "device" in the job the endpoint, certificate and key come from that device blob.
"loaded" in the report: how many trust anchors the TLS was given.
"""

from jobs import ADDRESS, exchange, main, options
from watched_tls import loaded

import ats_trust


def work(job):
    del loaded[:]
    if "device" in job:
        device = ats_trust.load_device(job["device"])
        target = device.context(**options(job))
        named = {}
    else:
        target = job["host"]
        named = options(job)
        named["port"] = job["port"]
    stream = ats_trust.connect(target, address=ADDRESS, timeout=job.get("timeout", 5), **named)
    report = exchange(job, stream)
    report["loaded"] = len(loaded)
    return report


main(work)
