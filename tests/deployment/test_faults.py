"""Deliberate faults. Each is put into the template alone, and the checks of `make validate` must find it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import pytest

from template import Template
from validate import findings

Change = Callable[[dict[str, Any]], None]
"""Puts a fault into the resources of the template."""


@dataclass(frozen=True)
class Fault:
    name: str
    change: Change
    found: str
    """A part of the finding that the fault must lead to."""


def statements(resources: dict[str, Any], role: str) -> list[Any]:
    return resources[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]


def allow(role: str, action: Any, resource: Any) -> Change:
    def change(resources: dict[str, Any]) -> None:
        statements(resources, role).append({"Effect": "Allow", "Action": action, "Resource": resource})

    return change


def put(*path: Any) -> Change:
    """Sets the value at the path of the other arguments to the last argument."""

    def change(resources: dict[str, Any]) -> None:
        *way, name, value = path
        place: Any = resources
        for step in way:
            place = place[step]
        place[name] = value

    return change


def remove(*path: Any) -> Change:
    def change(resources: dict[str, Any]) -> None:
        *way, name = path
        place: Any = resources
        for step in way:
            place = place[step]
        del place[name]

    return change


def query_with_the_event_store(resources: dict[str, Any]) -> None:
    allow("GetAccountRole", "secretsmanager:GetSecretValue", {"Ref": "EventStoreReaderUrl"})(resources)
    variables = resources["GetAccountFunction"]["Properties"]["Environment"]["Variables"]
    variables["EVENT_STORE_URL_SECRET_ARN"] = {"Ref": "EventStoreReaderUrl"}


def misspelt_action(resources: dict[str, Any]) -> None:
    statements(resources, "DepositFundsRole")[1]["Action"] = "secretsmanager:GetSecretValues"


def managed_policy_of_awss(resources: dict[str, Any]) -> None:
    arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaMSKExecutionRole"
    resources["AccountProjectorRole"]["Properties"]["ManagedPolicyArns"].append(arn)


FUNCTION = "OpenAccountFunction"
EVENTS = (FUNCTION, "Properties", "Events")
MAPPING = ("ProjectorMapping", "Properties")

FAULTS = [
    Fault("an action that is a wildcard", allow("GetAccountRole", "kms:*", {"Ref": "ErasureKeyArn"}), "kms:* is a wildcard"),
    Fault("a right on everything", allow("GetAccountRole", "kms:Decrypt", "*"), "kms:Decrypt is allowed on *"),
    Fault("a misspelt action", misspelt_action, "there is no action secretsmanager:GetSecretValues"),
    Fault("a query with the event store's secret", query_with_the_event_store, "get-account is a query and has EVENT_STORE_URL"),
    Fault("a right too many", allow("HealthRole", "kms:Decrypt", {"Ref": "ErasureKeyArn"}), "health may kms:Decrypt on ErasureKeyArn"),
    Fault("a right too few", lambda resources: statements(resources, "OpenAccountRole").pop(), "open-account may not kms:GenerateDataKey"),
    Fault("a managed policy of AWS's", managed_policy_of_awss, "AWSLambdaMSKExecutionRole"),
    Fault(
        "a function that reaches what it does not use",
        lambda resources: resources["GetAccountFunction"]["Properties"]["VpcConfig"]["SecurityGroupIds"].append({"Ref": "ReachKafka"}),
        "get-account is in the security group ReachKafka",
    ),
    Fault(
        "a secret in plain text",
        put(FUNCTION, "Properties", "Environment", "Variables", "KAFKA_PASSWORD", "{{resolve:secretsmanager:kafka}}"),
        "KAFKA_PASSWORD would put a secret",
    ),
    Fault(
        "a misspelt variable",
        put(FUNCTION, "Properties", "Environment", "Variables", "KAFKA_TOPICK", "t"),
        "no code reads the variable KAFKA_TOPICK",
    ),
    Fault(
        "a function that reads names without the key's name",
        remove("RestoreWorkerFunction", "Properties", "Environment", "Variables", "KEY_STORE_KMS_KEY_ID"),
        "restore-worker is built with kms and is given no KEY_STORE_KMS_KEY_ID",
    ),
    Fault(
        "a key for a function that cannot ask KMS",
        put("EraseHolderFunction", "Properties", "Environment", "Variables", "KEY_STORE_KMS_KEY_ID", {"Ref": "ErasureKeyArn"}),
        "erase-holder is given KEY_STORE_KMS_KEY_ID and is built without kms",
    ),
    Fault("logs that are kept for ever", remove("OpenAccountLogs", "Properties", "RetentionInDays"), "OpenAccountLogs keeps logs for ever"),
    Fault("a function that logs elsewhere", remove(FUNCTION, "Properties", "LoggingConfig"), "OpenAccountFunction does not log"),
    Fault(
        "a binary that is none",
        put(FUNCTION, "Metadata", "BuildProperties", "Binary", "open-acount"),
        "open-acount is no binary of the workspace",
    ),
    Fault("a function built at the root of the workspace", put(FUNCTION, "Properties", "CodeUri", "./"), "is not built from ./"),
    Fault(
        "a route without a scope",
        remove(*EVENTS, "Post", "Properties", "Auth"),
        "POST /accounts by open-account with any scope",
    ),
    Fault(
        "a route with another scope",
        put(*EVENTS, "Post", "Properties", "Auth", {"AuthorizationScopes": ["accounts:read"]}),
        "POST /accounts by open-account with accounts:read scope",
    ),
    Fault("a missing route", remove("GetAccountFunction", "Properties", "Events", "Get"), "openapi.yaml has GET /accounts/{id}"),
    Fault("a missing HEAD", remove("GetAccountFunction", "Properties", "Events", "Head"), "openapi.yaml has HEAD /accounts/{id}"),
    Fault("a mapping without a number of tries", remove(*MAPPING, "MaximumRetryAttempts"), "does not say how often it tries"),
    Fault("a mapping that tries without an end", put(*MAPPING, "MaximumRetryAttempts", -1), "does not say how often it tries"),
    Fault("a mapping that begins at the end", put(*MAPPING, "StartingPosition", "LATEST"), "leaves out what was published"),
    Fault("a mapping that loses what it gives up", remove(*MAPPING, "DestinationConfig"), "has no place for whole records"),
    Fault("a relay without a schedule", remove("EventRelayFunction", "Properties", "Events"), "event-relay has no schedule"),
    Fault("an alarm that is gone", remove("RelayAgeAlarm"), "no alarm watches the age of what the relay has to publish"),
    Fault("a misspelt property", put(FUNCTION, "Properties", "MemorySise", 512), "MemorySise"),
    Fault("a misspelt property of a resource of CloudFormation's", put(*MAPPING, "BatchSise", 500), "BatchSise"),
    Fault("a reference to nothing", put(FUNCTION, "Properties", "Description", {"Ref": "Nothing"}), "Nothing"),
    Fault("a value out of its range", put("HealthFunction", "Properties", "MemorySize", 64), "64"),
    Fault(
        "a resource that the emulator does not take and nobody named",
        put("Queue", {"Type": "AWS::XRay::Group", "Properties": {"GroupName": "passbook"}}),
        "the emulator does not take AWS::XRay::Group",
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_deliberate_fault_is_found(fault: Fault) -> None:
    template = Template.of_repository().changed()
    fault.change(template.source["Resources"])
    found = []
    for finding in findings(template):
        found.append(finding)
        if fault.found in finding:
            return
    pytest.fail(f"nothing says {fault.found!r}; found: {found}")
