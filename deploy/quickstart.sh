#!/usr/bin/env bash
# The main job, end to end, on a real PKCS#11 token (SoftHSM), in words.
# Everything it makes is in .quickstart/; run it again as often as you like.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD

if [ -t 1 ]; then b=$'\e[1m' d=$'\e[2m' g=$'\e[32m' n=$'\e[0m'
else b='' d='' g='' n=''; fi
step=0
say()  { step=$((step + 1)); printf '\n%s%d. %s%s\n' "$b" "$step" "$*" "$n"; }
note() { printf '   %s\n' "$*"; }
run()  { printf '   %s$ %s%s\n' "$d" "$*" "$n"; "$@" 2>&1 | sed 's/^/   /'; }
fail() { printf '\nquickstart: %s\n' "$*" >&2; exit 1; }

document=$(realpath "${1:-/usr/share/common-licenses/GPL-3}")
[ -r "$document" ] || fail "cannot read $document; name another: deploy/quickstart.sh FILE"

say "Install what is missing, and build"
deploy/install-deps.sh --build | sed 's/^/   /'
mkdir -p build
if ! cmake --preset release >build/quickstart-build.log 2>&1; then
  tail -20 build/quickstart-build.log; fail "cmake failed; see build/quickstart-build.log"
fi
note "building (the first time takes a few minutes; log: build/quickstart-build.log)"
progress() {
  if [ -t 1 ]; then
    sed -un 's/^\[\([0-9]*\/[0-9]*\)\].*/\1/p' |
      while read -r done; do printf '\r   %s ' "$done"; done
    printf '\r              \r'
  else
    cat >/dev/null
  fi
}
if ! cmake --build --preset release --target strongroomd strongroom 2>&1 |
  tee build/quickstart-build.log | progress; then
  tail -30 build/quickstart-build.log
  fail "the build failed; see build/quickstart-build.log"
fi
PATH="$PWD/build/release/bin:$PATH"
note "$(strongroomd --version)"

say "Start the service on a development token"
dir=$PWD/.quickstart
work=$dir/work
mkdir -p "$dir" && chmod 700 "$dir"
rm -rf "$work" && mkdir -m 700 "$work"
strongroomd dev --dir "$dir/service" --listen 127.0.0.1:0 --metrics 127.0.0.1:0 \
  >"$dir/strongroomd.out" 2>"$dir/strongroomd.log" &
daemon=$!
stop() {
  if kill -TERM "$daemon" 2>/dev/null; then wait "$daemon" || true; fi
}
trap stop EXIT
for _ in $(seq 300); do
  grep -q '^ready ' "$dir/strongroomd.out" && break
  kill -0 "$daemon" 2>/dev/null ||
    { tail -5 "$dir/strongroomd.log" >&2; fail "strongroomd did not start"; }
  sleep 0.1
done
grep -q '^ready ' "$dir/strongroomd.out" || fail "strongroomd was not ready in 30 s"
# shellcheck disable=SC1091
. "$dir/service/env"
note "strongroomd listens on $STRONGROOM_ADDR with mutual TLS; its token is a SoftHSM"
note "file token. In production the token is an HSM: only the configuration differs."
run strongroom whoami

cd "$work"

say "Make the key demo/app: a KEK inside the token"
if strongroom key show demo/app >/dev/null 2>&1; then
  note "it is there from an earlier run; going on with it"
else
  run strongroom key create demo/app --label env=demo
fi
run strongroom key show demo/app

say "Take a data key (DEK), as an application would"
strongroom datakey demo/app --context "file=$(basename "$document")" --base64 \
  --dek-out dek --wrapped-out document.dek >/dev/null
note "The DEK encrypts the document and is forgotten; the wrapped DEK is kept beside it."
run strongroom inspect --base64 document.dek

say "Encrypt $document with the openssl command line"
openssl enc -aes-256-cbc -pbkdf2 -salt -pass file:dek \
  -in "$document" -out document.enc
shred -u dek
before=$(sha256sum document.enc | cut -d' ' -f1)
note "ciphertext: $(stat -c %s document.enc) bytes, SHA-256 ${before:0:16}..."
note "The plain DEK is gone from here. What is left: document.enc and document.dek."

say "Rotate the KEK: a new version inside the token"
run strongroom key rotate demo/app

say "Rewrap the wrapped DEK: only its header changes"
cp document.dek document.dek.before
run strongroom rewrap --base64 --in document.dek --out document.dek
run strongroom inspect --base64 document.dek.before document.dek
after=$(sha256sum document.enc | cut -d' ' -f1)
[ "$before" = "$after" ] || fail "the document's ciphertext changed"
note "The document's ciphertext was not touched: SHA-256 ${after:0:16}... as before."

say "Unwrap, decrypt, compare"
run strongroom unwrap --context "file=$(basename "$document")" --base64 \
  --in document.dek --out dek
openssl enc -d -aes-256-cbc -pbkdf2 -pass file:dek \
  -in document.enc -out document
shred -u dek
cmp "$document" document || fail "the document did not come back"
note "${g}The decrypted document equals the original, byte for byte.${n}"

say "With another context the wrapped DEK does not open"
if strongroom unwrap --context "file=other" --base64 \
  --in document.dek --out dek 2>refusal; then
  fail "it opened under a wrong context"
fi
sed 's/^/   /' refusal

say "Look at the KEKs on the token, with the token's own tool"
module=$(ls /usr/lib/softhsm/libsofthsm2.so \
  /usr/lib/*/softhsm/libsofthsm2.so 2>/dev/null | head -n 1)
PIN=$(cat "$dir/service/pin") SOFTHSM2_CONF=$dir/service/softhsm2.conf \
  pkcs11-tool --module "$module" --login --pin env:PIN \
  --list-objects --type secrkey 2>/dev/null | tail -15 | sed 's/^/   /'
note "sensitive, never extractable: the token uses the key and does not give it out."

say "Stop"
kill -TERM "$daemon"
wait "$daemon" || fail "strongroomd did not stop cleanly"
trap - EXIT
note "strongroomd drained and stopped."

cat <<TEXT

${b}Done.${n} Three commands to try next:

  PATH=$top/build/release/bin:\$PATH
  strongroomd dev --dir $dir/service     # in a terminal of its own
  . $dir/service/env && strongroom key list
  strongroom datakey demo/app --context note=1 --output json
TEXT
