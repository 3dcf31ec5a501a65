# What both this port and boards have frozen in, without what comes from micropython-lib.
include("$(MPY_DIR)/extmod/asyncio")
