#!/usr/bin/env bash
# watcher.sh start PID, watcher.sh stop: stops the servers when the given process ends, killed or not.
set -euo pipefail
name=watcher
source "$(dirname "$0")/process.sh"
mark=$home/watch

case ${1:-} in
start)
    # In the end the watcher turns into stop.sh and no longer bears the mark. So stop.sh does not stop itself.
    # shellcheck disable=SC2016 # for the inner shell
    launch bash -c 'while kill -0 "$1" 2>/dev/null; do sleep 0.5; done; shift; exec "$@"' "$mark" "$2" \
        "$project/tests/services/stop.sh" ${SERVICES_FOLDER:+--clean}
    ;;
stop) stop ;;
esac
