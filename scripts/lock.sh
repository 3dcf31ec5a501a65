#!/bin/sh
# Chooses the newest versions that pyproject.toml allows, for every extra, and writes every
# package that this installs, with its exact version, to requirements.lock. Run by `make lock`.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" - >"$folder/wanted" <<'PYTHON'
import tomllib
from pathlib import Path

declared = tomllib.loads(Path("pyproject.toml").read_text())
project = declared["project"]
wanted = declared["build-system"]["requires"] + project["dependencies"]
for extra in project["optional-dependencies"].values():
    wanted += [line for line in extra if not line.startswith(project["name"])]
print("\n".join(wanted))
PYTHON
export PIP_DISABLE_PIP_VERSION_CHECK=1
"$folder/venv/bin/pip" install -q -r "$folder/wanted"
{
    echo "# Every dependency of every extra, at the version that is tested; pip reads it as constraints"
    echo "# (pip install -c requirements.lock ...). Written by \`make lock\`: do not edit."
    "$folder/venv/bin/pip" list --format=freeze --exclude pip --exclude setuptools | LC_ALL=C sort -f
} >"$folder/lock"
mv "$folder/lock" requirements.lock
