"""Run ats_trust.diagnose; "lines" in the report is what it printed, "result" what it returned.

"options" in the job are passed on; with "device" the endpoint comes from that device blob.
"""

from jobs import ADDRESS, main, options

import ats_trust
from ats_trust import diagnosis

_lines = []
diagnosis.print = _lines.append


def work(job):
    del _lines[:]
    target = ats_trust.load_device(job["device"]) if "device" in job else job["host"]
    result = ats_trust.diagnose(
        target,
        port=job["port"],
        address=job.get("address", ADDRESS),
        timeout=job.get("timeout", 5),
        **options(job),
    )
    return {"result": result, "lines": list(_lines)}


main(work)
