#!/usr/bin/env bash
# Runs the benchmarks of a build.
#   bench/run.sh BUILD_DIR          everything; writes bench/RESULTS.md
#   bench/run.sh BUILD_DIR soak     two minutes at 0.8 of the knee
#   bench/run.sh BUILD_DIR rotation [DEKS ...]    target 6 with so many DEKs
set -euo pipefail
build=$(realpath "${1:?usage: bench/run.sh BUILD_DIR [soak]}")
export STRONGROOM_BUILD=$build
if [ "${2:-}" = rotation ]; then
  exec python3 -B "$(dirname "$0")/rotation.py" "${@:3}"
fi
exec python3 -B "$(dirname "$0")/run.py" "${2:-all}"
