"""`ats-trust device fleet`: many devices' keys, requests, certificates and device files.

things: what the CSV says. journal: what was begun and done, the one source of truth. batch: keys
and requests, some hundreds a file. making: all of them, in parallel. registration: what AWS's bulk
registration takes. certificates: what comes back, matched to the keys. summary: the files for
people and scripts that follow from the journal. aws_things: AWS asked directly, thing by thing.
"""
