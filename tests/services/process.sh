# shellcheck shell=bash disable=SC2034 # not every script needs all of it
# Sourced by every script here. It says where things lie, and how a server's process is started, known and stopped.
#
# A server is known by its pid in .services/NAME/pid. A pid counts only while /proc shows that it runs with `mark`, an
# argument that names that folder. So no other process is ever signalled: not a process that got the pid after a crash or a
# reboot, and not another checkout's server.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
state=${SERVICES_FOLDER:-$project/.services} # data, logs, pids and ports: services-clean removes it
cache=$project/.tools/services # downloaded once
home=$state/${name:-}          # of the server whose script this is
mark='' tool='' default_port=''
servers=(mongodb kafka mysql mariadb)

# ready.py asks the servers with these packages. The tests read Kafka with the last two.
client_packages=(pymongo==4.20.1 PyMySQL==1.2.4 kafka-python==3.0.12 cloudevents==2.2.0 python-dateutil==4.0.0)
clients=clients-$(cksum <<<"${client_packages[*]}" | cut -d ' ' -f 1)

# A stand-in for AWS's KMS. The tests that need it start it themselves.
moto_package='moto[server]==5.2.2'
moto=moto-$(cksum <<<"$moto_package" | cut -d ' ' -f 1)

# The longest time for a server to answer or to end. It is generous, because both cores may be busy with a compiler.
patience_s=120

fail() {
    echo "services: $*" >&2
    exit 1
}

# Only one start, stop or clean runs at a time; a second waits. The servers do not inherit descriptor 9, because they would
# hold the lock.
take_turns() {
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock --nonblock 9 && return
    echo "services: waiting for another start or stop to end"
    flock 9
}

# Prints how this checkout's servers run: native or compose, or nothing if they never ran. Call it after take_turns.
engine() {
    cat "$state/engine" 2>/dev/null || true
}

# each VERB: runs every server's script at once, and fails if one script fails.
each() {
    local server job jobs=() result=0
    for server in "${servers[@]}"; do
        "$project/tests/services/$server.sh" "$1" &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do wait "$job" || result=1; done
    return "$result"
}

# Prints the pid, if that server runs. A process has no arguments for a moment while it is replaced by the program that it
# starts. A process that has ended has none for good. So an empty answer is asked for a few times.
running_pid() {
    local pid arguments=() attempt
    pid=$(cat "$home/pid" 2>/dev/null) || return 1
    for attempt in {1..10}; do
        { mapfile -d '' -t arguments <"/proc/$pid/cmdline"; } 2>/dev/null || return 1
        ((${#arguments[@]} == 0)) || break
        sleep 0.01
    done
    [[ "${arguments[*]}" == *"$mark"* ]] || return 1
    echo "$pid"
}

# Runs a server apart from this terminal and its signals. The pid is recorded before the server runs. So no unknown server
# is left if this script is killed here.
launch() {
    mkdir -p "$home"
    (
        cd "$home" || exit
        # shellcheck disable=SC2016 # for the inner shell
        exec setsid bash -c 'echo $$ >"$0"; exec "$@"' "$home/pid" "$@" </dev/null >>"$home/log" 2>&1 9>&-
    ) &
    until running_pid >/dev/null || ! kill -0 $! 2>/dev/null; do sleep 0.02; done
}

stop() {
    local pid deadline=$((SECONDS + patience_s))
    pid=$(running_pid) || return 0
    kill -TERM "$pid"
    while running_pid >/dev/null; do
        if ((SECONDS > deadline)); then
            echo "services: $name did not end within $patience_s s: killed" >&2
            kill -KILL "$pid"
            break
        fi
        sleep 0.05
    done
    rm -f "$home/pid"
    echo "$name stopped"
}

# port NAME: prints the server's port, which is recorded as long as the server's data exists.
port() {
    cat "$state/ports/$1" 2>/dev/null
}

# choose_port NAME DEFAULT: chooses a port for a server that does not run. It takes the server's last port or the default,
# or the next free port after it. Defaults lie below 32768, where Linux's ports for outgoing connections begin.
choose_port() {
    local port
    port=$(port "$1") || port=$2
    while (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 10)); done
    mkdir -p "$state/ports"
    echo "$port" >"$state/ports/$1"
}

now_ms() {
    echo $((${EPOCHREALTIME/[^0-9]/} / 1000))
}

seconds_since() {
    local ms=$(($(now_ms) - $1))
    printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# install_once FOLDER COMMAND…: the command fills the given folder. The folder gets its name only when it is complete.
install_once() {
    local folder=$cache/$1 started
    shift
    [[ -d $folder ]] && return
    started=$(now_ms)
    rm -rf "$folder.partial"
    mkdir -p "$folder.partial"
    "$@" "$folder.partial"
    mv "$folder.partial" "$folder"
    echo "${folder##*/} installed in $(seconds_since "$started")"
}

install_clients() {
    python3 -m pip install --quiet --root-user-action=ignore --no-deps --target "$1" "${client_packages[@]}" </dev/null
}

install_moto() {
    python3 -m pip install --quiet --root-user-action=ignore --no-compile --target "$1" "$moto_package" </dev/null
}

# --- a server's script ------------------------------------------------------------------------------------------------
# A server's script sets `name` and sources this file. Then it sets `mark`, `default_port` and `tool`, its folder in the cache.
# It defines
#   install FOLDER   fetches and unpacks the server
#   prepare          makes the data folder when there is none, and the settings that hold the port
#   run              launches it
# It ends with `server_main "$@"`.

server_main() {
    case ${1:-} in
    install) install_once "$tool" install ;;
    start) start ;;
    running) running_pid >/dev/null ;;
    stop) stop ;;
    *) fail "usage: $0 install|start|running|stop" ;;
    esac
}

start() {
    local started pid
    started=$(now_ms)
    mkdir -p "$home/tmp"
    trap not_started EXIT
    if ! pid=$(running_pid); then
        choose_port "$name" "$default_port"
        (prepare) >>"$home/log" 2>&1
        run
        pid=$(running_pid)
    fi
    PYTHONPATH=$cache/$clients python3 "$project/tests/services/ready.py" "$name" "$(port "$name")" "$pid" "$patience_s"
    trap - EXIT
    echo "$name answers on 127.0.0.1:$(port "$name") after $(seconds_since "$started")"
}

not_started() {
    tail -n 20 "$home/log" >&2
    echo "services: $name did not start; above is the end of $home/log" >&2
}
