# SPDX-License-Identifier: MIT
# The front door; `make help` lists the doors. What takes more than a few lines is in tools/.
SHELL = /bin/sh
PREFIX ?= /usr/local
SEED ?= 1
COMMANDS ?= 3000
export CLAWLINK_COMMIT := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
SECONDS ?= 30
T ?= json
VALGRIND = valgrind -q --error-exitcode=99 --leak-check=full \
	--errors-for-leak-kinds=definite,possible
.DEFAULT_GOAL := release
.PHONY: release demo test check discovery sim fuzz asan tsan valgrind cover bench storms \
	bench-instructions timing soak abuse crash install deb debtest deps fresh clean help

release:      ## optimised build: leaves build/clawlink
	@tools/build release

demo:         ## two agents at work on a relay: installs what is missing, builds, shows
	@tools/deps --build
	@tools/build release
	@examples/demo.sh

test:         ## all tests: installs what is missing, builds, runs, one closing line
	@tools/deps
	@tools/build release
	@tools/build dev
	@tools/run-tests --programs build build/dev

check:        ## format, rooms, sizes, words, headers, symbols, static analysis: under a minute
	@tools/check

sim:          ## one simulator run: make sim SEED=42
	@tools/build dev sim
	@build/dev/tests/sim/sim --first $(SEED) --commands $(COMMANDS)

fuzz:         ## one fuzz target: make fuzz T=json SECONDS=30
	@tools/fuzz $(T) $(SECONDS)

asan:         ## unit, simulator and integration tests under address and undefined behaviour
	@tools/build asan
	@tools/run-tests --patience 3 build/asan units sim integration

tsan:         ## unit and integration tests under the thread sanitizer
	@tools/build tsan
	@# Without the suites that end a relay while it starts: there the sanitizer loses signals.
	@tools/run-tests --patience 3 build/tsan units smoke integration \
		--parts v1.py delivery hostile faults ws_node claw

valgrind:     ## unit tests of a release build under valgrind, a relay that is used, the library
	@tools/build valgrind
	@# Where descriptors run out valgrind itself closes what was accepted: nothing to wait for.
	@tools/run-tests --patience 10 --wrap '$(VALGRIND)' \
		--leave-out net/test_tcp:without_descriptors_the_listener_pauses_and_goes_on_later \
		build/valgrind units smoke

discovery:    ## the relay found, and not spoofed, between network namespaces (root)
	@tools/discovery

cover:        ## covered lines and branches of each room
	@tools/cover

bench:        ## the relay and the library beside their peers, every row: about 16 minutes
	@tools/build release bench
	@status=0; bench/run || status=1; bench/agent_link_python || status=1; exit $$status

storms:       ## 200, then 10 000 clients come back after an outage: a minute and a half
	@tools/build release bench
	@bench/storms

bench-instructions: ## instructions per message, against bench/INSTRUCTIONS
	@tools/build release clawlink bench_loadgen
	@bench/instructions

timing:       ## secrets are compared in the same time wherever they differ
	@tools/build release timing
	@build/tests/timing/timing

soak:         ## the network gone for a minute, a relay under load for SOAK_MINUTES (20), simulator
	@tools/build release
	@OUTAGE_SECONDS=60 tests/integration/run outage
	@tests/abuse/run soak
	@tools/build release sim sim_disk
	@tools/soak

abuse:        ## slow clients, a flood, 50 000 cut connections, against a relay (root)
	@tools/deps --ci
	@tools/build release clawlink
	@tests/abuse/run slow flood churn

crash:        ## crashes of a real relay under load, and what its disk may do to it
	@tools/deps --ci
	@tools/build release clawlink programs
	@tests/crash/run

install:      ## make install DESTDIR= PREFIX=/usr/local
	@tools/build release
	@DESTDIR="$(DESTDIR)" cmake --install build --prefix "$(PREFIX)"

deb:          ## Debian packages in build/: the program's, and three of the libraries
	@tools/build release
	@tools/deb
	@tools/deb-libs

debtest:      ## that package on a new Debian and under a real systemd, to its purge (root)
	@tools/build release
	@tools/deb-test

deps:         ## install the packages that build and tests need
	@tools/deps

fresh:        ## both README commands on a new Debian made by debootstrap (root)
	@tools/fresh

clean:        ## remove build/
	@rm -rf build

help:         ## this list
	@sed -n 's/^\([a-z-]*\): *## /\1|/p' Makefile | awk -F'|' '{ printf "  make %-18s %s\n", $$1, $$2 }'
