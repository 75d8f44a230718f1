# The daily commands; CONTRIBUTING.md tells when to use which. Each works as it stands on Debian 12.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run build test check bench fmt gen fuzz contact-sheet

# A build server keeps no incremental state: it would only cost disk.
ifeq ($(CI),true)
export CARGO_INCREMENTAL := 0
endif

# A fresh toolchain may not be on the path of a shell that is not a login shell.
export PATH := $(PATH):$(HOME)/.cargo/bin

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 16

run: ## build and start a server on 127.0.0.1:8080 (ARGS="--data-dir elsewhere" for more)
	@scripts/setup.sh
	cargo run --release --locked -p mediavault -- serve $(ARGS)

build: ## the release binary, target/release/mediavault
	@scripts/setup.sh
	cargo build --release --locked -p mediavault --bin mediavault

test: ## everything that must pass: check, then the tests on SQLite and PostgreSQL
	@scripts/test.sh

check: ## the rules that tools keep: format, xtask, clippy, dependencies
	cargo fmt --all --check
	cargo xtask check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@scripts/check-dependencies.sh

bench: ## measure the server beside peers and limits, half an hour (ARGS="--only upload --rounds 1" for less)
	@scripts/setup.sh
	bench/run.sh $(ARGS)

fmt: ## format every Rust file
	cargo fmt --all

gen: ## write the generated reference pages anew
	cargo xtask gen

fuzz: ## every fuzz target for SECONDS=600 each, from the committed corpus
	scripts/fuzz.sh $(or $(SECONDS),600)

contact-sheet: ## thumbnails of all kinds of pictures on one sheet, to look at
	scripts/contact-sheet.sh
