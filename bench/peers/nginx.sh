#!/bin/sh
# nginx serving plain files with sendfile: the yardstick of the downloads.
#   nginx.sh install DIR             uses the system's nginx, or unpacks Debian's package into DIR (nothing is installed)
#   nginx.sh start DIR PORT DATA     serves DATA/www on 127.0.0.1:PORT; replaces this shell
# No access log, open files cached, connections never recycled: the yardstick at its best.
set -eu
case "$1" in
install)
    [ -x "$2/nginx" ] && exit 0
    mkdir -p "$2"
    if found=$(PATH="$PATH:/usr/sbin" command -v nginx); then
        ln -s "$found" "$2/nginx"
    else
        (cd "$2" && apt-get download -q nginx >/dev/null 2>&1 && dpkg-deb -x nginx_*.deb .)
        ln -s usr/sbin/nginx "$2/nginx"
    fi
    ;;
start)
    mkdir -p "$4/www" "$4/temporary"
    user=""
    # As root the workers must read files under the caller's own folder, which nobody else may enter.
    [ "$(id -u)" = 0 ] && user="user root;"
    cat >"$4/nginx.conf" <<CONF
daemon off;
$user
worker_processes auto;
pid $4/nginx.pid;
error_log $4/error.log;
events { worker_connections 1024; }
http {
    sendfile on;
    tcp_nopush on;
    open_file_cache max=2000 inactive=60s;
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_temp_path $4/temporary;
    proxy_temp_path $4/temporary;
    fastcgi_temp_path $4/temporary;
    uwsgi_temp_path $4/temporary;
    scgi_temp_path $4/temporary;
    server {
        listen 127.0.0.1:$3;
        root $4/www;
        location = /me { default_type application/json; return 200 '{"id":"user_1","email":"bench@example.com"}'; }
    }
}
CONF
    exec "$2/nginx" -p "$4" -e "$4/error.log" -c "$4/nginx.conf"
    ;;
*) echo "usage: $0 install DIR | start DIR PORT DATA" >&2; exit 2 ;;
esac
