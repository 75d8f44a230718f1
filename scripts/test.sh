#!/usr/bin/env bash
# Everything that must pass before a change goes in, on this machine as on the build server. Starts what the tests
# need, stops it whatever happens, and ends with cargo's own summary.
#   MEDIAVAULT_TEST_POSTGRES_URL  use this PostgreSQL (its user may create databases) instead of a throwaway one
#   MEDIAVAULT_TEST_PYTHON        use this Python (it has `cryptography` 50 or later and `websockets` 15 or later) instead of a
#                                 venv in .cache/
#   MEDIAVAULT_TEST_NODE          use this folder (its node_modules has `ws` 8) instead of one in .cache/
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scratch=
cleanup() {
    [ -z "$scratch" ] || { scripts/postgres.sh stop "$scratch/cluster"; rm -rf "$scratch"; }
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

has_cryptography() {
    "$1" -c 'import cryptography, sys; sys.exit(int(cryptography.__version__.split(".")[0]) < 50)' 2>/dev/null
}

has_websockets() {
    "$1" -c 'import websockets, sys; sys.exit(int(websockets.__version__.split(".")[0]) < 15)' 2>/dev/null
}

# The interoperability tests of the blob format compare ours with the `cryptography` package; those of the WebSocket
# use `websockets`.
prepare_python() {
    local venv="$PWD/.cache/test-python"
    if [ -z "${MEDIAVAULT_TEST_PYTHON:-}" ]; then
        [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
        has_cryptography "$venv/bin/python" ||
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'cryptography>=50' || true
        has_websockets "$venv/bin/python" ||
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt || true
        MEDIAVAULT_TEST_PYTHON="$venv/bin/python"
    fi
    if ! has_cryptography "$MEDIAVAULT_TEST_PYTHON"; then
        echo "test: $MEDIAVAULT_TEST_PYTHON lacks the package cryptography, version 50 or later, and pip could not install it." >&2
        echo "test: set MEDIAVAULT_TEST_PYTHON to a Python that has it." >&2
        exit 1
    fi
    if ! has_websockets "$MEDIAVAULT_TEST_PYTHON"; then
        echo "test: $MEDIAVAULT_TEST_PYTHON lacks the package websockets, version 15 or later, and pip could not install it." >&2
        exit 1
    fi
    export MEDIAVAULT_TEST_PYTHON
}

# The API reference's own client runs with the package `ws`.
prepare_node() {
    if [ -z "${MEDIAVAULT_TEST_NODE:-}" ]; then
        MEDIAVAULT_TEST_NODE="$PWD/.cache/test-node"
        if ! cmp -s tests/clients/package-lock.json "$MEDIAVAULT_TEST_NODE/package-lock.json" ||
            [ ! -d "$MEDIAVAULT_TEST_NODE/node_modules/ws" ]; then
            mkdir -p "$MEDIAVAULT_TEST_NODE"
            cp tests/clients/package.json tests/clients/package-lock.json "$MEDIAVAULT_TEST_NODE/"
            (cd "$MEDIAVAULT_TEST_NODE" && npm ci --silent --no-fund --no-audit --ignore-scripts) || true
        fi
    fi
    if [ ! -d "$MEDIAVAULT_TEST_NODE/node_modules/ws" ]; then
        echo "test: $MEDIAVAULT_TEST_NODE lacks the package ws, and npm could not install it." >&2
        exit 1
    fi
    export MEDIAVAULT_TEST_NODE
}

prepare_postgres() {
    if [ -z "${MEDIAVAULT_TEST_POSTGRES_URL:-}" ]; then
        # In memory where there is room, so that syncing is free. Not under TMPDIR: the server's own user must reach it,
        # and a socket's path must be short.
        local place=/tmp
        if [ -w /dev/shm ] && [ "$(df --output=avail -k /dev/shm | tail -n1)" -gt 2000000 ]; then place=/dev/shm; fi
        scratch=$(mktemp -d "$place/mediavault-test.XXXXXX")
        chmod 711 "$scratch"
        MEDIAVAULT_TEST_POSTGRES_URL=$(scripts/postgres.sh start "$scratch/cluster")
    fi
    export MEDIAVAULT_TEST_POSTGRES_URL
}

scripts/setup.sh --tests
prepare_python
prepare_node
make --no-print-directory check
prepare_postgres
cargo test --locked --workspace
scripts/fuzz.sh 10
