#!/usr/bin/env bash
# make services: starts those of MongoDB, Kafka, MySQL and MariaDB that do not run yet, on 127.0.0.1. It returns when each
# answers. With a Docker engine they are compose.yaml's servers. Without one, the real servers are installed and run here.
#
# The servers run until services-stop. A test run that starts them only for itself says SERVICES_STOP_WITH=PID. When that
# process ends, however it ends, the servers stop, unless some ran before it.
#
# SERVICES_FOLDER=FOLDER is for further servers beside these, with data of their own, for example in memory. They are
# native. If they stop with a process, their folder is removed too.
set -euo pipefail
cd "$(dirname "$0")"
source ./process.sh
source ./compose.sh

# need COMMAND PACKAGE: installs the machine's own package if the command is missing.
need() {
    command -v "$1" >/dev/null && return
    [[ $EUID == 0 && -x /usr/bin/apt-get ]] || fail "$1 is missing: install it, or start a Docker engine"
    apt-get --quiet=2 update </dev/null
    apt-get --quiet=2 --yes --no-install-recommends install "$2" </dev/null
}

# All servers are installed side by side. Then all are started side by side.
start_native() {
    [[ $(uname -sm) == "Linux x86_64" ]] || fail "without a Docker engine the servers run on x86-64 Linux only: start one"
    need python3 python3-pip
    need openssl openssl
    need java default-jre-headless
    need mvn maven
    local clients_job
    install_once "$clients" install_clients &
    clients_job=$!
    each install || fail "not every server could be installed, see above"
    wait "$clients_job" || fail "the clients could not be installed, see above"
    each start || fail "not every server started, see above"
}

start_compose() {
    if [[ ! $were_running ]]; then
        choose_port mongodb 21017
        choose_port kafka 21092
        choose_port kafka-scram 21094
        choose_port mysql 21306
        choose_port mariadb 21307
    fi
    compose up --detach --wait --wait-timeout 600
    mkdir -p "$state/kafka/tls"
    compose exec -T kafka cat /var/lib/kafka/data/ca.pem >"$state/kafka/tls/ca.pem"
}

started=$(now_ms)
take_turns
mkdir -p "$state"
were_running=$(running)
if [[ ! $were_running ]]; then
    # Running servers stay where they run, even if an engine has come or gone since.
    if [[ ! ${SERVICES_FOLDER:-} ]] && docker_answers; then echo compose; else echo native; fi >"$state/engine"
    # The watcher starts before the servers, so that no server is left if this script is killed in between. The watcher
    # waits for its turn to stop them.
    [[ ! ${SERVICES_STOP_WITH:-} ]] || ./watcher.sh start "$SERVICES_STOP_WITH"
fi
"start_$(engine)"
echo "all services answer, after $(seconds_since "$started"); make -s services-env prints their addresses"
