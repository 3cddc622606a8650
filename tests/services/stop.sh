#!/usr/bin/env bash
# make services-stop: stops the servers that start.sh started. With --clean (make services-clean) the
# data is removed too.
set -euo pipefail
cd "$(dirname "$0")"
source ./process.sh
source ./compose.sh

take_turns
./watcher.sh stop
case $(engine) in
compose) compose down ${1:+--volumes} ;;
native) each stop ;;
esac
[[ ! ${1:-} ]] || rm -rf "$state"
