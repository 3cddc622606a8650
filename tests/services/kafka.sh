#!/usr/bin/env bash
# Apache Kafka, one node that is broker and controller (KRaft, combined mode), from the broker's own jars.
set -euo pipefail
name=kafka
source "$(dirname "$0")/process.sh"
kafka_version=4.3.1
log4j_version=2.25.4 # the broker brings log4j, and leaves its binding to slf4j to the distribution
tool=kafka-$kafka_version
default_port=21092
mark=$home/server.properties

# Maven gets a temporary repository of its own. Copying out of ~/.m2 would leave every file there twice.
install() {
    cat >"$1/pom.xml" <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>passbook</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>$kafka_version</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>$log4j_version</version>
    </dependency>
  </dependencies>
</project>
POM
    mvn --batch-mode --quiet --file "$1/pom.xml" -Dmaven.repo.local="$1/repository" -Dmaven.artifact.threads=16 \
        org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$1/jars" </dev/null 2>&1 | sed -e $'s/\e\\[[0-9;]*m//g' -e '/^$/d' # it colours even silence
    rm -rf "$1/repository"
}

# The client listener asks for no sign-in. The SCRAM listener asks for TLS and a password, like a cluster that others can reach.
# ready.py makes its user. A misspelt name creates no topic, as on MSK Serverless. A consumer group of the tests gets its
# partitions at once. The voters are named here and not in the data, so that a port can change.
prepare() {
    choose_port kafka-controller 21093
    choose_port kafka-scram 21094
    certify
    cat >"$mark" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(port kafka-controller)
listeners=CLIENT://127.0.0.1:$(port kafka),SCRAM://127.0.0.1:$(port kafka-scram),CONTROLLER://127.0.0.1:$(port kafka-controller)
advertised.listeners=CLIENT://127.0.0.1:$(port kafka),SCRAM://127.0.0.1:$(port kafka-scram)
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENT:PLAINTEXT,SCRAM:SASL_SSL,CONTROLLER:PLAINTEXT
listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.scram.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.scram.ssl.keystore.location=$home/tls/server.p12
listener.name.scram.ssl.keystore.password=passbook
log.dirs=$home/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
PROPERTIES
    # Any identity will do. A fixed identity saves the start of a JVM.
    [[ -f $home/data/meta.properties ]] ||
        java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -cp "$cache/$tool/jars/*" \
            kafka.tools.StorageTool format --config "$mark" --cluster-id AAAAAAAAAAAAcGFzc2Jvbw
}

# A certificate that is its own authority, for the address that the clients are given. The folder gets its name only when it is
# complete.
certify() {
    [[ -d $home/tls ]] && return
    local keytool=(keytool -keystore "$home/tls.partial/server.p12" -storetype PKCS12 -storepass passbook -alias passbook)
    rm -rf "$home/tls.partial"
    mkdir "$home/tls.partial"
    "${keytool[@]}" -genkeypair -keyalg EC -groupname secp256r1 -validity 3650 -dname CN=127.0.0.1 -ext san=ip:127.0.0.1
    "${keytool[@]}" -exportcert -rfc -file "$home/tls.partial/ca.pem"
    mv "$home/tls.partial" "$home/tls"
}

# The two last settings keep the compression libraries and the JVM's counters out of /tmp.
run() {
    launch java -Xms128m -Xmx512m -Dlog4j2.level=INFO -Djava.io.tmpdir="$home/tmp" -XX:-UsePerfData \
        -cp "$cache/$tool/jars/*" kafka.Kafka "$mark"
}

server_main "$@"
