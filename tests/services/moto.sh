#!/usr/bin/env bash
# Prints the folder of moto, a stand-in for AWS, installed once. The tests of keys that KMS wraps, and of secrets, use
# it.
set -euo pipefail
cd "$(dirname "$0")"
source ./process.sh

take_turns >&2
install_once "$moto" install_moto >&2
echo "$cache/$moto"
