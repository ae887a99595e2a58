# Everything a person or CI types. Each target installs what it needs first; nothing else has to be run by hand.
#
#   make          build build/release/millrace
#   make demo     watch a managed application survive a kill (DEMO=check: the same without pauses, for CI)
#   make test     every test (CI runs this)         make quick   unit tests and query files, under five minutes
#   make night    the long counts                   make bench   the figures
#   make lint     what CI checks of the text        make fmt     format what clang-format formats
#                 (LINT_ALL=1 make lint: clang-tidy reads every source, not only what changed last; half an hour)
#   make clean    remove build/

SHELL := /bin/bash
.DEFAULT_GOAL := build
.PHONY: build tests demo test quick night bench fmt lint clean

# Paths in compiler commands are made relative to the checkout, so that two checkouts share the cache.
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

JOBS ?= $(shell nproc)
DEMO ?= watch
# The counts of `make night`; `make test` has its own, smaller ones (tools/run_tests).
SEEDS ?= 30000
HISTORIES ?= 10000
QUERIES ?= 10000
FUZZ_SECONDS ?= 1800
KILLS ?= 200
KAFKA_KILLS ?= 200
KINESIS_KILLS ?= 200

build:
	@mkdir -p build
	@tools/install build
	@cmake --preset release >build/configure.log 2>&1 || { tail -30 build/configure.log; exit 1; }
	@cmake --build build/release -j $(JOBS) --target millrace

demo: build
	@tools/install test
	@python3 examples/flights/demo.py $(if $(filter check,$(DEMO)),--check)

test:
	@tools/install test
	@tools/run_tests test

quick:
	@tools/install test
	@tools/run_tests quick

night:
	@tools/install test
	@SEEDS=$(SEEDS) MILLRACE_HISTORIES=$(HISTORIES) FUZZ_SECONDS=$(FUZZ_SECONDS) KILLS=$(KILLS) KAFKA_KILLS=$(KAFKA_KILLS) KINESIS_KILLS=$(KINESIS_KILLS) QUERIES=$(QUERIES) tools/run_tests night

lint:
	@tools/install test
	@tools/run_tests lint

bench:
	@mkdir -p build
	@tools/install test
	@cmake --preset release >build/configure.log 2>&1 || { tail -30 build/configure.log; exit 1; }
	@cmake --build build/release -j $(JOBS) --target benchmarks
	@bench/run

fmt:
	@tools/install test
	@git ls-files -z --cached --others --exclude-standard -- '*.cc' '*.h' | xargs -0 -r clang-format-14 -i

clean:
	rm -rf build
