"""Checks every hash of an event store without this project's code. docs/commit-hash.md gives the form.

    check_hashes.py events.db                                       the embedded stack's file
    check_hashes.py mongodb://127.0.0.1:27017/passbook?replicaSet=rs0     needs pymongo

Prints a line for each commit that does not have its hash or does not follow the commit before it. Then it prints the number
of commits. The exit status is 1 if any commit was wrong.
"""

import datetime
import hashlib
import json
import sqlite3
import sys


def canonical(value):
    """The form of RFC 8785, for the content that this project stores. The document says where the two differ."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def time_text(unix_micros):
    time = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=unix_micros)
    return time.isoformat(timespec="microseconds") + "Z"


def commits_of_sqlite(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    for row in connection.execute("SELECT * FROM commits ORDER BY stream_id, first_version"):
        key = row["idempotency_key"]
        idempotency = key and {"key": key, "request_fingerprint": row["request_fingerprint"]}
        as_they_are = ("stream_id", "aggregate_type", "first_version", "caller", "correlation_id", "causation_id", "previous_hash")
        content = {name: row[name] for name in as_they_are}
        content |= {"occurred_at": time_text(row["occurred_at_us"]), "idempotency": idempotency}
        content |= {"events": json.loads(row["events"]), "state": json.loads(row["state"])}
        yield content, row["hash"]


def commits_of_mongodb(url):
    import pymongo

    client = pymongo.MongoClient(url, uuidRepresentation="standard")
    for stored in client.get_default_database()["commits"].find().sort("_id", 1):
        as_they_are = ("aggregate_type", "caller", "correlation_id", "causation_id")
        content = {name: stored[name] for name in as_they_are}
        content |= {"stream_id": str(stored["_id"]["stream_id"]), "first_version": stored["_id"]["first_version"]}
        content |= {"occurred_at": time_text(stored["occurred_at_us"]), "idempotency": stored.get("idempotency")}
        content |= {"events": [with_data(event) for event in stored["events"]], "state": with_data(stored["state"])}
        content |= {"previous_hash": stored.get("previous_hash")}
        yield content, stored["hash"]


def with_data(stored):
    """An event, or the state: its id becomes text, and data that is stored as JSON text is read from that text."""
    content = {name: member for name, member in stored.items() if name != "data_json"}
    if "event_id" in content:
        content["event_id"] = str(content["event_id"])
    if "data_json" in stored:
        content["data"] = json.loads(stored["data_json"])
    return content


def main(store):
    commits = wrong = 0
    before = {}
    for content, stored_hash in (commits_of_mongodb if "://" in store else commits_of_sqlite)(store):
        commits += 1
        place = f"{content['stream_id']} version {content['first_version']}"
        next_version, previous_hash = before.get(content["stream_id"], (1, None))
        computed = hashlib.sha256(canonical(content)).hexdigest()
        follows = (content["first_version"], content["previous_hash"]) == (next_version, previous_hash)
        if computed != stored_hash:
            print(f"{place}: the content has the hash {computed}, stored is {stored_hash}")
        if not follows:
            print(f"{place}: does not follow on version {next_version - 1} with the hash {previous_hash}")
        wrong += computed != stored_hash or not follows
        before = {content["stream_id"]: (content["first_version"] + len(content["events"]), stored_hash)}
    print(f"{commits} commits, {wrong} of them wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
