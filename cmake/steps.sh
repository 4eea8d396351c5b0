#!/usr/bin/env bash
# steps.sh TARGET...: makes each target, says how long it took, and stops at the
# first that fails.
set -uo pipefail
cd "$(dirname "$0")/.."
took=""
for target in "$@"; do
  echo "== $target"
  start=$SECONDS
  if ! make --no-print-directory "$target"; then
    echo "== $target failed after $((SECONDS - start)) s (before it:${took:- nothing})" >&2
    exit 1
  fi
  took+=" $target $((SECONDS - start)) s,"
  echo "== $target took $((SECONDS - start)) s"
done
echo "== all of it took $SECONDS s:${took%,}"
