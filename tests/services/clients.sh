#!/usr/bin/env bash
# Prints the folder of the Python clients, installed once. Tests use them to read Kafka by another client than the
# project's own.
set -euo pipefail
cd "$(dirname "$0")"
source ./process.sh

take_turns >&2
install_once "$clients" install_clients >&2
echo "$cache/$clients"
