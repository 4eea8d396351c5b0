#!/usr/bin/env bash
# Installs what Strongroom needs to build, run and test on Debian 12.
# Idempotent: when everything is there it changes nothing and needs no network.
#   deploy/install-deps.sh            everything: build, run, test, check
#   deploy/install-deps.sh --build    only what a release build and the quickstart need
set -euo pipefail

build=(
  build-essential cmake ninja-build pkg-config
  libgrpc++-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev
  libssl-dev libp11-kit-dev libsqlite3-dev libyaml-cpp-dev zlib1g-dev
  libcli11-dev libspdlog-dev nlohmann-json3-dev prometheus-cpp-dev
  softhsm2 opensc openssl
)
test=(
  libgtest-dev libgmock-dev libbenchmark-dev
  libnss3 libnss3-tools opencryptoki
  clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev llvm-14 lld-14
  python3 python3-cryptography python3-venv strace
)

wanted=("${build[@]}")
case "${1:-}" in
  "") wanted+=("${test[@]}") ;;
  --build) ;;
  *) echo "usage: $0 [--build]" >&2; exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "install-deps: all ${#wanted[@]} packages are there"
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "install-deps: this is not Debian (no apt-get). Install the equivalents of:" >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
fi
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "install-deps: run as root, or install sudo; missing: ${missing[*]}" >&2
    exit 1
  }
  sudo=(sudo)
fi

echo "install-deps: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get -o DPkg::Lock::Timeout=300 update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "install-deps: done"
