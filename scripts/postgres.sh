#!/usr/bin/env bash
# A throwaway PostgreSQL for tests: open to this machine, gone when stopped. It syncs as a real one does, since the
# server refuses one that does not; in memory (see test.sh) that costs nothing.
#   postgres.sh find          prints the folder of the newest installed server's programs
#   postgres.sh start FOLDER  makes a cluster in FOLDER (which must not exist), prints its URL
#   postgres.sh stop FOLDER   stops that cluster and removes FOLDER
set -euo pipefail

fail() {
    echo "postgres: $*" >&2
    exit 1
}

# Debian keeps the server's programs off the path, one folder for each version.
find_programs() {
    local found
    found=$(find /usr/lib/postgresql/*/bin /usr/local/pgsql/bin -maxdepth 1 -name initdb 2>/dev/null | sort -V | tail -n1 || true)
    if [ -z "$found" ]; then
        found=$(command -v initdb || true)
    fi
    [ -n "$found" ] || fail "no PostgreSQL server is installed"
    dirname "$found"
}

# The server refuses to run as root: then it runs as the user that its package made.
as_owner() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start() {
    local folder=$1 programs port options
    programs=$(find_programs)
    mkdir "$folder"
    if [ "$(id -u)" -eq 0 ]; then
        id postgres >/dev/null 2>&1 || fail "started as root there must be a user called postgres"
        chown postgres: "$folder"
    fi
    as_owner "$programs/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$folder.initdb.log" 2>&1 ||
        { cat "$folder.initdb.log" >&2; fail "initdb failed"; }
    rm -f "$folder.initdb.log"
    # Somebody may take the port between the look and the start: then another one is tried.
    for _ in 1 2 3; do
        port=$(free_port)
        options="-p $port -k $folder -c listen_addresses=127.0.0.1 -c max_connections=400 -c shared_buffers=128MB"
        if as_owner "$programs/pg_ctl" -D "$folder/data" -o "$options" -l "$folder/server.log" -w start >/dev/null 2>&1; then
            echo "postgres://postgres@127.0.0.1:$port/postgres"
            return
        fi
    done
    cat "$folder/server.log" >&2
    fail "the server did not start"
}

stop() {
    local folder=$1
    [ -d "$folder" ] || return 0
    if [ -f "$folder/data/postmaster.pid" ]; then
        as_owner "$(find_programs)/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null 2>&1 || true
    fi
    rm -rf "$folder"
}

case "${1:-}" in
find) find_programs ;;
start) start "$2" ;;
stop) stop "$2" ;;
*) fail "usage: postgres.sh find | start FOLDER | stop FOLDER" ;;
esac
