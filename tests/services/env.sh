#!/usr/bin/env bash
# make -s services-env: prints the servers' addresses, under the names of the app's own settings.
set -euo pipefail
cd "$(dirname "$0")"
source ./process.sh
source ./compose.sh

now_running=$(running)
for server in "${servers[@]}"; do
    [[ $'\n'$now_running$'\n' == *$'\n'$server$'\n'* ]] || fail "$server does not run; start it with: make services"
done
echo "EVENT_STORE_URL=mongodb://127.0.0.1:$(port mongodb)/passbook?replicaSet=rs0"
echo "READ_DB_URL=mysql://root:passbook@127.0.0.1:$(port mysql)/passbook"
echo "KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:$(port kafka)"
echo "MARIADB_URL=mysql://root:passbook@127.0.0.1:$(port mariadb)/passbook"
# The same broker's listener that asks for TLS and the password of the user passbook. A broker that was started before it
# had this second listener gets it at its next start.
if port kafka-scram >/dev/null; then
    echo "KAFKA_SCRAM_BOOTSTRAP_SERVERS=127.0.0.1:$(port kafka-scram)"
    echo "KAFKA_SCRAM_CA_FILE=$state/kafka/tls/ca.pem"
fi
# For the parameters tls=true and tlsCAFile of MongoDB's URL. Only a native MongoDB takes TLS, not one under an engine.
if [[ -f $state/mongodb/tls/ca.pem ]]; then
    echo "MONGODB_CA_FILE=$state/mongodb/tls/ca.pem"
fi
