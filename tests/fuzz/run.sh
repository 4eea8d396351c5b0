#!/bin/bash
# Runs every fuzzer for a while, one on each core:
#   tests/fuzz/run.sh BUILD_DIR [SECONDS]
#
# Seeds come from tests/fuzz/corpus; what is found on the way is kept in
# BUILD_DIR/fuzz, beside the input of a crash. Fails if one crashes.
set -euo pipefail

build=${1:?usage: run.sh BUILD_DIR [SECONDS]}
seconds=${2:-20}
here=$(cd "$(dirname "$0")" && pwd)

fuzz_one() {
  name=$1
  found=$build/fuzz/$name
  mkdir -p "$found"
  log=$build/fuzz/$name.log
  if "$build/bin/$name" -max_total_time="$seconds" -timeout=10 \
      -rss_limit_mb=1024 -max_len=9000 -print_final_stats=1 \
      -artifact_prefix="$build/fuzz/$name-" \
      "$found" "$here/corpus/${name#fuzz_}" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$name: no fault in $runs inputs"
  else
    tail -n 40 "$log"
    echo "$name: found a fault; its input is $build/fuzz/$name-*" >&2
    return 1
  fi
}
export build seconds here
export -f fuzz_one

for source in "$here"/fuzz_*.cc; do
  basename "$source" .cc
done | xargs -P "$(nproc)" -I{} bash -c 'fuzz_one {}'
