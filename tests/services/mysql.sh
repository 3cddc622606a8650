#!/usr/bin/env bash
# MySQL, from Debian's unstable suite, the only one that has it.
set -euo pipefail
name=mysql
source "$(dirname "$0")/process.sh"
source "$(dirname "$0")/debian.sh"
tool=mysql-sid
default_port=21306
mark=--datadir=$home/data

install() {
    unpack_debian sid mysql-server-core "$1"
    write_runner "$1" usr/sbin/mysqld
    "$1/mysqld" --no-defaults --version >/dev/null
}

# The user is named because the server otherwise refuses to run as root. The server has its own folder for temporary
# files, because at its start it removes all such files that it finds. In /tmp it would remove a neighbour's files too.
mysqld=("$cache/$tool/mysqld" --no-defaults --basedir="$cache/$tool/usr" --user="$(id -un)" --tmpdir="$home/tmp")

# The folder gets its name only when it is complete. Root has no password until the first start. That start sets the
# password before the server listens.
prepare() {
    cat >"$home/init.sql" <<SQL
ALTER USER 'root'@'localhost' IDENTIFIED BY 'passbook';
CREATE DATABASE IF NOT EXISTS passbook;
SQL
    [[ -d $home/data ]] && return
    rm -rf "$home/data.partial"
    "${mysqld[@]}" --initialize-insecure --datadir="$home/data.partial" --innodb-redo-log-capacity=64M
    mv "$home/data.partial" "$home/data"
}

# A commit is on disk when it is acknowledged. There is no binary log: nothing here reads it, and it costs a second flush
# for each commit. The socket's path is relative to the data folder, because a full path can be longer than a socket's
# path may be.
run() {
    launch "${mysqld[@]}" "$mark" --port="$(port mysql)" --bind-address=127.0.0.1 --mysqlx=OFF --socket=mysqld.sock \
        --pid-file=mysqld.pid --secure-file-priv=NULL --init-file="$home/init.sql" \
        --innodb-flush-log-at-trx-commit=1 --disable-log-bin --innodb-buffer-pool-size=64M \
        --innodb-redo-log-capacity=64M --performance-schema=OFF --max-connections=1000
}

server_main "$@"
