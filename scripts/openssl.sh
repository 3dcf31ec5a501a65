#!/bin/sh
# Sees to it that the tests find the program `openssl`. Run by `make test`.
set -eu

if ! command -v openssl >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "make test: there is no program openssl; installing Debian's"
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends openssl
fi
if ! command -v openssl >/dev/null; then
    echo "make test: the tests need the program openssl. On Debian: apt-get install openssl" >&2
    exit 1
fi
