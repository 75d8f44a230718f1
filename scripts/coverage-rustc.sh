#!/usr/bin/env bash
# Cargo's RUSTC_WORKSPACE_WRAPPER for fuzzing: our own crates are compiled with the counters that libFuzzer reads, which
# stable rustc can do; dependencies stay as the tests have compiled them.
exec "$@" \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1
