# Short names for the presets of CMakePresets.json. Nothing is decided here.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help deps quickstart test check format build-asan tidy asan tsan fuzz bench soak bench-rotation file-proof clean

help:            ## this list
	@sed -n 's/^\([a-z-]*\): .*## /  make \1	/p' $(MAKEFILE_LIST)

deps:            ## install what is missing (Debian 12; root or sudo)
	@deploy/install-deps.sh

quickstart:      ## the main job, end to end, on a real token
	@deploy/quickstart.sh

test: deps       ## build and run every test
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev
	@ctest --preset dev

# Each configuration is built once: tidy, asan and fuzz share one. Faults that are
# found soon come first.
check: deps      ## all that must hold before a merge, and what CI runs
	@cmake/steps.sh format test build-asan tidy fuzz asan tsan

format:          ## is every file as clang-format 14 leaves it?
	@git ls-files '*.h' '*.cc' | xargs clang-format-14 --dry-run --Werror

build-asan:      ## compile with clang: thread-safety analysis, sanitizers
	@cmake --preset asan >/dev/null
	@cmake --build --preset asan

tidy: build-asan ## clang-tidy 14 over src and hsm
	@cmake/tidy.py build/asan

asan: build-asan ## the whole suite under AddressSanitizer and UBSan
	@ctest --preset asan

tsan:            ## everything below the edge under ThreadSanitizer
	@cmake --preset tsan >/dev/null
	@cmake --build --preset tsan
	@ctest --preset tsan

fuzz: build-asan ## every parser for FUZZ_SECONDS (20)
	@tests/fuzz/run.sh build/asan $${FUZZ_SECONDS:-20}

soak:            ## two minutes at 0.8 of the knee: no error, flat memory
	@deploy/install-deps.sh
	@cmake --preset bench >/dev/null
	@cmake --build --preset bench
	@bench/run.sh build/bench soak

bench:           ## benchmarks; writes bench/RESULTS.md; see bench/README.md
	@deploy/install-deps.sh
	@cmake --preset bench >/dev/null
	@cmake --build --preset bench
	@bench/run.sh build/bench

file-proof:      ## 4 GiB encrypted, rotated, rewrapped, decrypted: what was written
	@deploy/install-deps.sh
	@cmake --preset release >/dev/null
	@cmake --build --preset release
	@STRONGROOM_BUILD=$(CURDIR)/build/release /usr/bin/python3 -B \
	  tests/e2e/file_proof.py $${FILE_PROOF_SIZE:-4G}

bench-rotation:  ## rotate and rewrap 100,000 and 1,000,000 registered DEKs
	@deploy/install-deps.sh
	@cmake --preset bench >/dev/null
	@cmake --build --preset bench
	@bench/run.sh build/bench rotation

clean:           ## remove what was built
	@rm -rf build .quickstart
