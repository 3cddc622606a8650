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

# A repository of its own and thrown away: copying out of ~/.m2 would leave everything there twice.
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

# No topic comes into being by a misspelt name, as on MSK Serverless. A consumer group of tests gets its partitions at
# once. The voters are named here and not in the data, so that a port can move.
prepare() {
    choose_port kafka-controller 21093
    cat >"$mark" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(port kafka-controller)
listeners=CLIENT://127.0.0.1:$(port kafka),CONTROLLER://127.0.0.1:$(port kafka-controller)
advertised.listeners=CLIENT://127.0.0.1:$(port kafka)
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
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
    # Any identity will do, and a fixed one saves the start of a JVM.
    [[ -f $home/data/meta.properties ]] ||
        java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -cp "$cache/$tool/jars/*" \
            kafka.tools.StorageTool format --config "$mark" --cluster-id AAAAAAAAAAAAcGFzc2Jvbw
}

# The two last settings keep the compression libraries and the JVM's counters out of /tmp.
run() {
    launch java -Xms128m -Xmx512m -Dlog4j2.level=INFO -Djava.io.tmpdir="$home/tmp" -XX:-UsePerfData \
        -cp "$cache/$tool/jars/*" kafka.Kafka "$mark"
}

server_main "$@"
