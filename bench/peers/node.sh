#!/bin/sh
# The Node peers: Express with multer, the reference tus server, and a hub of the package ws.
#   node.sh install DIR                   installs their packages into DIR
#   node.sh start-express DIR PORT DATA   bench/peers/node/express.mjs on 127.0.0.1:PORT; replaces this shell
#   node.sh start-express-fsync ...       the same, each file synced before its answer
#   node.sh start-tus DIR PORT DATA       bench/peers/node/tus.mjs on 127.0.0.1:PORT; replaces this shell
#   node.sh start-ws DIR PORT DATA        bench/peers/node/ws.mjs on 127.0.0.1:PORT; replaces this shell
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case "$1" in
install)
    [ -d "$2/node_modules/@tus/server" ] && [ -d "$2/node_modules/ws" ] && exit 0
    mkdir -p "$2"
    cd "$2"
    [ -f package.json ] || echo '{"private": true, "type": "module"}' >package.json
    npm install --silent --no-fund --no-audit \
        express@5.3.0 multer@2.5.0 @tus/server@2.4.5 @tus/file-store@2.1.1 ws@8.23.0
    ;;
start-express | start-express-fsync | start-tus | start-ws)
    mkdir -p "$4"
    sync_bytes=no
    script=express
    case "$1" in start-tus) script=tus ;; start-ws) script=ws ;; start-express-fsync) sync_bytes=yes ;; esac
    # Modules are looked for beside the script, so the script goes to where the packages are.
    cp "$here/node/$script.mjs" "$2/$script.mjs"
    NODE_ENV=production exec node "$2/$script.mjs" "$3" "$4" "$sync_bytes"
    ;;
*) echo "usage: $0 install DIR | start-express|start-express-fsync|start-tus|start-ws DIR PORT DATA" >&2; exit 2 ;;
esac
