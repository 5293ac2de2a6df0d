# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The everyday commands; the build itself is meson's. All of them work from a clean clone, as root or with sudo: what
# a Debian 12 lacks is installed first, see data/debian-packages.

PREFIX ?= /usr/local

SANITIZERS = -Db_sanitize=address,undefined

all: build

deps:
	@data/install-debian-packages

build/build.ninja: | deps
	meson setup build --prefix=$(PREFIX)

build-asan/build.ninja: | deps
	meson setup build-asan -Db_sanitize=address

build-sanitize/build.ninja: | deps
	meson setup build-sanitize $(SANITIZERS)

build-clang/build.ninja: | deps
	CC=clang meson setup build-clang --werror

build-coverage/build.ninja: | deps
	meson setup build-coverage -Db_coverage=true --buildtype=debug

build: deps build/build.ninja
	ninja -C build

# All suites, and what needs no bus under the address sanitizer besides. The last line is the sum of both.
check: build build-asan/build.ninja
	ninja -C build-asan
	tests/run-suites build build-asan:unit,os,engine

# What another compiler warns of; then everything under the address and undefined behaviour sanitizers, then under
# valgrind.
sanitize: build build-clang/build.ninja build-sanitize/build.ninja
	ninja -C build-clang
	ninja -C build-sanitize
	tests/run-suites build-sanitize build@valgrind

# Line coverage of the layers that hold the rules; less than 90 % is a failure.
coverage: deps build-coverage/build.ninja
	ninja -C build-coverage
	find build-coverage -name '*.gcda' -delete
	tests/run-suites build-coverage:unit,os,engine,peer
	gcovr --root . --object-directory build-coverage --filter daemon/core/ --filter daemon/engine/ --print-summary \
	  --fail-under-line 90

demo: build
	data/demo.sh

build-bench/build.ninja: | deps
	meson setup build-bench --buildtype=release

# What things cost, beside the peers, as a release build.
bench: build-bench/build.ninja
	data/install-debian-packages debian-packages-bench
	ninja -C build-bench
	tests/bench/run-bench --build build-bench

# A thousand reloads in a row under load, of each kind of service; every request is accounted for. Takes an hour or two.
stress: build-bench/build.ninja
	ninja -C build-bench
	tests/stress/run-stress --build build-bench

# The daemon is killed in every phase of every kind of reload, and at random moments; nothing may be lost. An hour or two.
faults: build-bench/build.ninja
	data/install-debian-packages debian-packages-bench
	ninja -C build-bench
	tests/stress/run-faults --build build-bench

# One daemon for an hour, with 10,000 reloads and three times as many clients; it may not grow.
soak: build-bench/build.ninja
	ninja -C build-bench
	tests/stress/run-soak --build build-bench

# 10,000 reloads of one service as fast as they go; the daemon may not grow. Some minutes.
growth: build-bench/build.ninja
	ninja -C build-bench
	tests/stress/run-growth --build build-bench

install: build
	meson configure build -Dprefix=$(PREFIX)
	meson install -C build

# What was installed last.
uninstall:
	ninja -C build uninstall

clean:
	rm -rf build build-asan build-bench build-clang build-sanitize build-coverage

.PHONY: all deps build check sanitize coverage demo bench stress faults soak growth install uninstall clean
