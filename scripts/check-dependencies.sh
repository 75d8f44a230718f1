#!/usr/bin/env bash
# Licences, bans and sources of all dependencies (deny.toml), where cargo-deny is installed. Advisories need the
# network and change without us, so they are looked at by hand: cargo deny check advisories.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v cargo-deny >/dev/null; then
    echo "check-dependencies: skipped, cargo-deny is not installed (cargo install cargo-deny --locked)"
    exit 0
fi
# Duplicate versions are warnings, and many: see them with `cargo deny check bans`.
exec cargo deny --log-level error --locked check bans licenses sources
