"""Several connections on one context: one after the other, around a failed one, two at once."""

from jobs import ADDRESS, CONNECT, main, options, raw_socket
from watched_tls import loaded

import ats_trust


def work(job):
    context = ats_trust.context(job["host"], **options(job))
    for _ in range(2):
        stream = context.wrap_socket(raw_socket(job))
        stream.write(CONNECT)
        stream.close()
    failed = ""
    try:
        ats_trust.connect(context, port=job["closing"], address=ADDRESS)
    except OSError:
        failed = "OSError"
    one = context.wrap_socket(raw_socket(job), server_hostname=job["host"])
    other = context.wrap_socket(raw_socket(job), server_hostname=None)
    for stream in (one, other, one, other):
        stream.write(CONNECT)
    one.close()
    other.write(CONNECT)
    other.close()
    stream = context.wrap_socket(raw_socket(job))
    stream.close()
    return {"loaded": len(loaded), "failed": failed}


main(work)
