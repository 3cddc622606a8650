#!/usr/bin/env bash
# Stops the servers when the process ends that they were started for, killed or not: watcher.sh start PID, watcher.sh stop
set -euo pipefail
name=watcher
source "$(dirname "$0")/process.sh"
mark=$home/watch

case ${1:-} in
start)
    # In the end it turns into stop.sh, and bears the mark no longer: so stop.sh does not stop itself.
    # shellcheck disable=SC2016 # for the inner shell
    launch bash -c 'while kill -0 "$1" 2>/dev/null; do sleep 0.5; done; shift; exec "$@"' "$mark" "$2" \
        "$project/tests/services/stop.sh" ${SERVICES_FOLDER:+--clean}
    ;;
stop) stop ;;
esac
