#!/usr/bin/env bash
# Sees that what a build needs is there; with --tests also what the tests need. Installs missing Debian packages
# where it may (root, or sudo without a password), and else says what to install. Changes nothing when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { echo "setup: $*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
    has apt-get || return 1
    [ "$(id -u)" -eq 0 ] || { has sudo && sudo -n true 2>/dev/null; }
}

# The list of packages may be old or empty on a fresh machine, so it is fetched when the first try fails.
install_packages() {
    say "installing $*"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends install)
    as_root "${apt[@]}" "$@" >&2 || { as_root apt-get -q update >&2 && as_root "${apt[@]}" "$@" >&2; }
}

need_toolchain() {
    if ! has cargo && [ -x "${HOME:-}/.cargo/bin/cargo" ]; then
        PATH="$PATH:${HOME:-}/.cargo/bin"
    fi
    if ! has cargo || ! has rustc; then
        say "Rust is missing. Install it from https://rustup.rs and run this again."
        exit 1
    fi
    local wanted have
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    have=$(rustc --version | cut -d' ' -f2)
    if [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n1)" != "$wanted" ]; then
        say "Rust $wanted or later is needed, this is $have. Run: rustup update stable"
        exit 1
    fi
}

# The C compiler builds SQLite, AWS-LC, mimalloc, libjpeg-turbo and libwebp; libjpeg-turbo needs cmake and, like the encoder of
# AVIF, nasm for its fast paths.
# A compiler without the C library's headers cannot build either: hence the trial.
has_c_compiler() {
    has cc && echo '#include <stdlib.h>' | cc -E - >/dev/null 2>&1
}

has_postgres() {
    [ -n "${MEDIAVAULT_TEST_POSTGRES_URL:-}" ] || scripts/postgres.sh find >/dev/null 2>&1
}

has_venv() {
    [ -n "${MEDIAVAULT_TEST_PYTHON:-}" ] || { has python3 && python3 -c 'import venv, ensurepip' 2>/dev/null; }
}

missing=()
need_toolchain
has_c_compiler || missing+=(gcc libc6-dev)
for tool in cmake make nasm; do
    # Only processors of this kind have nasm's instructions.
    if [ "$tool" = nasm ] && [ "$(uname -m)" != x86_64 ]; then continue; fi
    has "$tool" || missing+=("$tool")
done
if [ "${1:-}" = "--tests" ]; then
    for component in rustfmt cargo-clippy; do
        if ! has "$component"; then
            say "$component is missing. Run: rustup component add rustfmt clippy"
            exit 1
        fi
    done
    for language in "node:Node 20" "npm:Node 20" "go:Go 1.26"; do
        if ! has "${language%%:*}"; then
            say "${language#*:} is missing (the program ${language%%:*}): install it and run this again"
            exit 1
        fi
    done
    has_postgres || missing+=(postgresql)
    has_venv || missing+=(python3 python3-venv)
    has exiftool || missing+=(libimage-exiftool-perl)
    for tool in python3 strace curl jq openssl pebble ffmpeg heif-thumbnailer; do
        has "$tool" || missing+=("$tool")
    done
fi

if [ "${#missing[@]}" -gt 0 ]; then
    if ! may_install; then
        say "these Debian packages are missing and cannot be installed from here: ${missing[*]}"
        say "run: sudo apt-get install ${missing[*]}"
        exit 1
    fi
    install_packages "${missing[@]}"
fi
