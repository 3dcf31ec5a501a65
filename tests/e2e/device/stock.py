"""Connect with what MicroPython itself offers, and say what came of it.

"way" in the job: "off", the module `ssl` as it starts; "required", the same with CERT_REQUIRED,
the right root (file "root") and the name, written by hand as well as one can.
"""

import ssl

from jobs import CONNECT, decoded, main, raw_socket


def work(job):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if job["way"] == "required":
        context.verify_mode = ssl.CERT_REQUIRED
        with open(job["root"], "rb") as file:
            context.load_verify_locations(cadata=file.read())
    if "cert" in job:
        context.load_cert_chain(decoded(job["cert"]), decoded(job["key"]))
    raw = raw_socket(job, job["timeout"])
    try:
        stream = context.wrap_socket(raw, server_hostname=job["host"])
        stream.write(CONNECT)
        stream.close()
    except (OSError, ValueError) as error:
        return {"class": type(error).__name__, "args": list(error.args)}
    finally:
        raw.close()


main(work)
