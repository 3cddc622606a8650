#!/usr/bin/env bash
# MariaDB, from Debian's stable suite. It is the second server that the read side's SQL is tested on.
set -euo pipefail
name=mariadb
source "$(dirname "$0")/process.sh"
source "$(dirname "$0")/debian.sh"
tool=mariadb-trixie
default_port=21307
mark=--datadir=$home/data

install() {
    unpack_debian trixie mariadb-server-core "$1"
    write_runner "$1" usr/sbin/mariadbd
    "$1/mariadbd" --no-defaults --version >/dev/null
}

# The reasons for these options are in mysql.sh.
share=$cache/$tool/usr/share/mariadb
mariadbd=("$cache/$tool/mariadbd" --no-defaults --basedir="$cache/$tool/usr" --user="$(id -un)" --tmpdir="$home/tmp"
    --lc-messages-dir="$share" --character-sets-dir="$share/charsets")

# The steps of mariadb-install-db, without its test database and its anonymous users, who would be taken for app@'%'.
# The script itself cannot run, because it would call the server without its loader.
prepare() {
    cat >"$home/init.sql" <<SQL
ALTER USER 'root'@'localhost' IDENTIFIED BY 'passbook';
CREATE DATABASE IF NOT EXISTS passbook;
SQL
    [[ -d $home/data ]] && return
    rm -rf "$home/data.partial"
    mkdir "$home/data.partial"
    {
        printf '%s\n' 'CREATE DATABASE mysql;' 'USE mysql;' 'SET @auth_root_socket = NULL;'
        cat "$share"/mariadb_{system_tables,performance_tables,system_tables_data}.sql "$share/fill_help_tables.sql" \
            "$share"/maria{_add_gis_sp_bootstrap,db_sys_schema}.sql
        # Removes the accounts root@127.0.0.1 and root@<this host>, which would stay without a password.
        echo "DELETE FROM mysql.global_priv WHERE Host <> 'localhost';"
    } | "${mariadbd[@]}" --bootstrap --datadir="$home/data.partial" --log-warnings=0 --enforce-storage-engine= \
        --max-allowed-packet=8M
    mv "$home/data.partial" "$home/data"
}

# The reasons for these options are in mysql.sh.
run() {
    launch "${mariadbd[@]}" "$mark" --port="$(port mariadb)" --bind-address=127.0.0.1 --socket=mariadbd.sock \
        --pid-file=mariadbd.pid --init-file="$home/init.sql" --innodb-flush-log-at-trx-commit=1 \
        --innodb-buffer-pool-size=64M --innodb-log-file-size=64M --performance-schema=OFF \
        --max-connections=1000
}

server_main "$@"
