"""Reads a topic to its end by clients that are not ours: read_cloud_events.py SERVERS TOPIC

Prints a line of JSON for each record: where it lies, its key, its headers as they came, what the CloudEvents SDK makes of it,
and which partition Java's way of partitioning would give the key.
"""

import json
import sys

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from kafka import KafkaConsumer, TopicPartition
from kafka.partitioner.default import murmur2


def described(record, number_of_partitions):
    event = from_binary_event(KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value))
    return {
        "partition": record.partition,
        "partition_of_key": (murmur2(record.key) & 0x7FFFFFFF) % number_of_partitions,
        "offset": record.offset,
        "key": record.key.decode(),
        "headers": [[name, value.decode()] for name, value in record.headers],
        "attributes": {**event.get_attributes(), "time": event.get_time().isoformat()},
        "data": event.get_data(),
    }


def main(servers, topic):
    consumer = KafkaConsumer(bootstrap_servers=servers, group_id=None, auto_offset_reset="earliest")
    partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends = consumer.end_offsets(partitions)
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        for records in consumer.poll(timeout_ms=1000).values():
            for record in records:
                print(json.dumps(described(record, len(partitions))))


main(*sys.argv[1:])
