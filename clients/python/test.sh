#!/usr/bin/env bash
# The tests of the Python client, in an environment of their own under the build
# directory, against the service built there: test.sh BUILD_DIRECTORY
set -euo pipefail
cd "$(dirname "$0")"
export STRONGROOM_BUILD=$1
venv=$STRONGROOM_BUILD/python
stamp=$venv/installed
want=$(cat pyproject.toml setup.py ../../proto/strongroom/v1/*.proto | sha256sum)

if [[ ! -f $stamp || $(<"$stamp") != "$want" ]]; then
  rm -rf "$venv"
  /usr/bin/python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check .
  # As a user has it, before the sources stand in for it.
  (cd / && "$venv/bin/python" -c 'import strongroom; strongroom.Client')
  "$venv/bin/pip" install --quiet --disable-pip-version-check -e '.[test]'
  echo "$want" >"$stamp"
fi
"$venv/bin/mypy"
"$venv/bin/pytest" -q -p no:cacheprovider
