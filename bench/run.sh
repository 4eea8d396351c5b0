#!/usr/bin/env bash
# Runs every benchmark program of a build and says what machine it was.
# usage: bench/run.sh BUILD_DIR
set -euo pipefail
build=${1:?usage: bench/run.sh BUILD_DIR}
printf '# %s\n' "$(date -u +%F)"
printf '# %s, %s cores, %s, OpenSSL %s\n' \
  "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
  "$(. /etc/os-release && echo "$PRETTY_NAME")" "$(openssl version | cut -d' ' -f2)"
for program in "$build"/bin/*_bench; do
  printf '\n## %s\n' "$(basename "$program")"
  "$program" --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
done
