"""Waits until a server answers its own protocol: ready.py NAME PORT PID SECONDS"""

import logging
import os
import sys
import time


def mongodb(port):
    """Also initiates the replica set, and corrects its port when the port has changed."""
    import pymongo

    member = {"_id": 0, "host": f"127.0.0.1:{port}"}
    with pymongo.MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=1000) as client:
        try:
            config = client.admin.command("replSetGetConfig")["config"]
        except pymongo.errors.OperationFailure as error:
            if error.code != 94:  # NotYetInitialized
                raise
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
        else:
            if config["members"][0]["host"] != member["host"]:
                config["members"][0]["host"] = member["host"]
                config["version"] += 1
                client.admin.command("replSetReconfig", config, force=True)
        return client.admin.command("hello")["isWritablePrimary"]


def kafka(port):
    """Also makes the user that signs in by a password, or sets its password again."""
    import kafka
    from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

    client = kafka.KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}", bootstrap_timeout_ms=1000)
    try:
        user = UserScramCredentialUpsertion("passbook", ScramMechanism.SCRAM_SHA_512, "passbook")
        refused = client.alter_user_scram_credentials([user])["passbook"]
        if refused:
            raise RuntimeError(refused)
        return bool(client.describe_cluster()["brokers"])
    finally:
        client.close()


def mysql(port):
    import pymysql

    with pymysql.connect(host="127.0.0.1", port=port, user="root", password="passbook", database="passbook") as client:
        with client.cursor() as cursor:
            return cursor.execute("SELECT 1") == 1


mariadb = mysql


def main(name, port, pid, seconds):
    logging.disable()  # hides the clients' errors while no server listens yet
    deadline = time.monotonic() + int(seconds)
    while True:
        reason = "it is not ready"
        try:
            if globals()[name](int(port)):
                return None
        except Exception as error:  # each client has other errors for a server that is not ready
            reason = error
        if not os.path.exists(f"/proc/{pid}"):
            return f"{name} ended"
        if time.monotonic() > deadline:
            return f"{name} does not answer on port {port}: {reason}"
        time.sleep(0.05)


sys.exit(main(*sys.argv[1:]))
