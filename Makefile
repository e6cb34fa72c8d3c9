# Everything that people and CI do here; the work is in dev/. `make` lists the targets.

.DEFAULT_GOAL := help
.PHONY: help up down test test-all check check-deep siege fuzz format bench cli install cli-static docs clean clean-cache distclean

PREFIX ?= /usr/local

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

up: ## from a bare Debian 12 to Skillbox in a kind cluster, with a skill run in it; again after a change
	@dev/up

down: ## take the cluster and its engine away; what was built stays cached
	@dev/down

test: ## make check, then the tests on the cluster; in other configurations what differs most, the rest by turns
	@dev/test

test-all: ## the same with all tests in every configuration
	@dev/test --all

check: ## build, unit tests, fuzz targets for some seconds, format and lint; needs no cluster
	@dev/check

check-deep: ## takes each layer of isolation away in turn and expects that a test sees it; after make test
	@dev/check-deep

siege: ## one tenant does all that harms for ten minutes, while another runs executions; after make test
	@dev/siege

fuzz: ## the fuzz targets for SECONDS each (60); keeps inputs that reach something new
	@cmake --preset fuzz >/dev/null && cmake --build --preset fuzz
	@tests/fuzz/run --seconds $(or $(SECONDS),60) --runs -1 --seed 0 --keep

format: ## clang-format over the C files, as make check wants them
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

bench: ## measure executions on the cluster, beside other ways to run the same; 20 minutes
	@dev/bench

cli: ## the command line alone: needs a C compiler, cmake, ninja, libcurl, libarchive, libyaml and libpcre2
	@cmake --preset cli >/dev/null && cmake --build --preset cli

install: cli ## the command line, its manual page and completions to PREFIX (/usr/local); DESTDIR for packages
	@cmake --install build/cli --component cli --prefix "$(abspath $(PREFIX))"

cli-static: ## the command line as one file that needs no library of the machine: build/cli-static/bin/skillbox
	@dev/cli-static

docs: ## docs/cli.md, from the table of commands
	@cmake --preset debug >/dev/null && cmake --build build/debug --target skillbox
	@build/debug/bin/skillbox __manual markdown >docs/cli.md.new && mv docs/cli.md.new docs/cli.md

clean: ## remove what the C build made
	rm -rf build

clean-cache: ## make down, and remove everything that was built and downloaded for the cluster
	@dev/down --cache

distclean: clean clean-cache ## both
