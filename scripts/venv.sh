#!/bin/sh
# Makes .venv in the checkout, with the package itself (editable) and every dependency at the
# version that requirements.lock names. Run by `make venv`; PYTHON=/path selects an interpreter.
set -eu
cd "$(dirname "$0")/.."

usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

python=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
    if usable "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "make venv: no Python 3.11 or newer among: ${PYTHON:-python3 python3.11 ... python3.14}." \
        "Install one, or name it: make venv PYTHON=/path/to/python3" >&2
    exit 1
fi

# Debian keeps ensurepip in a package of its own; without it a new venv has no pip.
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "make venv: $python has no venv module; installing Debian's python3-venv"
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-venv
    fi
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        echo "make venv: $python can not make a virtual environment." \
            "On Debian: apt-get install python3-venv" >&2
        exit 1
    fi
fi

rm -f .venv/installed
# A venv whose interpreter has gone, or that was copied from elsewhere, is made again.
if ! .venv/bin/python -c "import sys; sys.exit(sys.prefix != '$PWD/.venv')" >/dev/null 2>&1; then
    "$python" -m venv --clear .venv
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
pip() { .venv/bin/python -m pip "$@"; }
# The build backend comes first, from the lock: build isolation would fetch an unpinned one.
pip install -q -c requirements.lock hatchling
pip install -q -c requirements.lock --no-build-isolation -e '.[dev]'
touch .venv/installed
echo "make venv: $(.venv/bin/python --version) in .venv is ready"
