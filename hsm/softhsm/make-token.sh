#!/bin/sh
# Makes a SoftHSM token for development: see README.md here.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: $0 DIR [LABEL]" >&2
  exit 2
fi
dir=$1
label=${2:-strongroom}

if ! command -v softhsm2-util >/dev/null; then
  echo "softhsm2-util is missing; install the package softhsm2" >&2
  exit 1
fi
if [ -e "$dir/softhsm2.conf" ]; then
  echo "$dir has a token already; give another directory" >&2
  exit 1
fi

umask 077
mkdir -p "$dir/tokens"
dir=$(cd "$dir" && pwd)
od -An -N12 -tx1 /dev/urandom | tr -d ' \n' >"$dir/pin"
cat >"$dir/softhsm2.conf" <<END
directories.tokendir = $dir/tokens
objectstore.backend = file
log.level = ERROR
slots.removable = false
END

# The security officer's PIN is thrown away: whoever wants another token makes
# another directory. (softhsm2-util takes PINs as arguments only, so they show
# in the process list for a moment; it is a development token.)
SOFTHSM2_CONF="$dir/softhsm2.conf" softhsm2-util --init-token --free \
  --label "$label" --pin "$(cat "$dir/pin")" \
  --so-pin "$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')" >/dev/null

echo "token_label: $label"
echo "pin_file: $dir/pin"
echo "SOFTHSM2_CONF=$dir/softhsm2.conf"
