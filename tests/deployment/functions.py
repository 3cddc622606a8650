"""The functions themselves: their binaries, their logs, their invocations and their alarms."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Iterator

from template import REPOSITORY, Template, in_words

MAPPING = "AWS::Lambda::EventSourceMapping"

# Functions that are in the template before they are in the workspace. An entry whose function is in the workspace is a finding.
AHEAD: set[str] = set()

# Settings that are in the template before the code reads them. An entry that the code reads is a finding.
SETTINGS_AHEAD: set[str] = set()

KMS_KEY = "KEY_STORE_KMS_KEY_ID"

# The events that an operator must hear of, by the metric that reports them.
WATCHED = {
    "OffsetLag": "the projector's lag",
    "OnFailureDestinationDeliveredEventCount": "the dead letters",
    "DestinationDeliveryFailures": "dead letters that got lost",
    "OldestMarkedCommit": "the age of what the relay has to publish",
    "5xx": "server errors",
    "Throttles": "throttling",
}


def check(template: Template) -> Iterator[str]:
    """Every finding about functions, logs, the mapping, schedules and alarms."""
    yield from _binaries(template)
    yield from _settings(template)
    yield from _keys(template)
    yield from _logs(template)
    yield from _mapping(template)
    yield from _relay(template)
    yield from _alarms(template)


def workspace_binaries() -> dict[str, Path]:
    """Each function's binary and its folder."""
    binaries = {}
    for main in REPOSITORY.glob("functions/*/*/src/main.rs"):
        folder = main.parents[1]
        binaries[tomllib.loads((folder / "Cargo.toml").read_text(encoding="utf-8"))["package"]["name"]] = folder
    return binaries


def _binaries(template: Template) -> Iterator[str]:
    binaries = workspace_binaries()
    names = [function.name for function in template.functions()]
    for function in template.functions():
        code = template.source["Resources"][function.logical_id]["Properties"]["CodeUri"]
        if function.name in AHEAD - binaries.keys():
            continue
        if function.name in AHEAD:
            yield f"{function.name} is in the workspace: remove it from AHEAD"
        if function.name not in binaries:
            yield f"{function.logical_id}: {function.name} is no binary of the workspace"
        # A build at the root of the workspace unifies the features of all functions, and each binary gets every driver.
        elif binaries[function.name] != (REPOSITORY / code).resolve():
            yield f"{function.logical_id}: {function.name} is not built from {code}"
        if function.properties.get("Runtime") != "provided.al2023" or function.properties.get("Handler") != "bootstrap":
            yield f"{function.logical_id} does not run as a binary of cargo-lambda"
    for name in sorted(binaries.keys() - set(names)):
        yield f"{name} is a function of the workspace and not in the template"
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} is in the template more than once"


def _settings(template: Template) -> Iterator[str]:
    """A variable that no code reads is misspelt."""
    sources = [path.read_text(encoding="utf-8") for path in REPOSITORY.glob("shared/*/*/src/**/*.rs")]
    variables = {variable for function in template.functions() for variable in function.environment}
    known = {variable for variable in variables if any(f'"{variable}"' in source for source in sources)}
    for variable in sorted(variables - known - SETTINGS_AHEAD):
        yield f"no code reads the variable {variable}"
    for variable in sorted(SETTINGS_AHEAD & known):
        yield f"{variable} is read by now: remove it from SETTINGS_AHEAD"


def _keys(template: Template) -> Iterator[str]:
    """A function that is given the KMS key's name can ask KMS, and a function that can ask KMS is given the name.

    Without this check, a function without KMS in its binary would fail only at its first name.
    """
    binaries = workspace_binaries()
    for function in template.functions():
        if function.name not in binaries:
            continue
        is_built_with_kms = _is_built_with_kms(binaries[function.name])
        is_named_key = KMS_KEY in function.environment
        if is_named_key and not is_built_with_kms:
            yield f"{function.name} is given {KMS_KEY} and is built without kms"
        if is_built_with_kms and not is_named_key:
            yield f"{function.name} is built with kms and is given no {KMS_KEY}"


def _is_built_with_kms(folder: Path) -> bool:
    """Looks at the features that are on by default, because functions are built so, and at the dependency itself."""
    manifest = tomllib.loads((folder / "Cargo.toml").read_text(encoding="utf-8"))
    features = manifest.get("features", {})
    switched_on, waiting = set(), ["default"]
    while waiting:
        feature = waiting.pop()
        if feature not in switched_on:
            switched_on.add(feature)
            waiting += features.get(feature, [])
    write_side = manifest["dependencies"].get("write-side", {})
    return "write-side/kms" in switched_on or "kms" in write_side.get("features", [])


def _logs(template: Template) -> Iterator[str]:
    groups = template.resources("AWS::Logs::LogGroup")
    for function in template.functions():
        group = in_words(function.properties.get("LoggingConfig", {}).get("LogGroup", ""))
        if group not in groups:
            # Lambda would make a group by itself, and that group keeps everything for ever.
            yield f"{function.logical_id} does not log to a log group of the template"
    for group_id, group in groups.items():
        if "RetentionInDays" not in group["Properties"]:
            yield f"{group_id} keeps logs for ever"


def _at_least(template: Template, value: Any, least: int) -> bool:
    """Whether a number, or every possible value of a parameter, is at least as large."""
    if isinstance(value, dict):
        value = template.source["Parameters"].get(in_words(value), {}).get("MinValue", least - 1)
    return value >= least


def _mapping(template: Template) -> Iterator[str]:
    mappings = template.resources(MAPPING)
    if len(mappings) != 1:
        yield f"there are {len(mappings)} event source mappings, not one"
    for mapping_id, mapping in mappings.items():
        properties = mapping["Properties"]
        function = properties.get("FunctionName")
        if {in_words(function)} != {f.logical_id for f in template.functions() if f.name == "account-projector"}:
            yield f"{mapping_id} does not invoke the projector"
        if properties.get("StartingPosition") != "TRIM_HORIZON":
            yield f"{mapping_id} leaves out what was published before it was made"
        if properties.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{mapping_id} does not read the reports of failed records"
        if properties.get("BisectBatchOnFunctionError") is not True:
            yield f"{mapping_id} does not split a batch that fails"
        if "ProvisionedPollerConfig" not in properties:
            yield f"{mapping_id} is not in provisioned mode, the only mode that keeps its limits"
        # If it is not given, or is without a limit (-1), AWS makes it 10, because there is a place for failures.
        if not _at_least(template, properties.get("MaximumRetryAttempts", -1), 0):
            yield f"{mapping_id} does not say how often it tries (MaximumRetryAttempts)"
        if not _at_least(template, properties.get("MaximumRecordAgeInSeconds", -1), 60):
            yield f"{mapping_id} does not limit the age of a record (MaximumRecordAgeInSeconds)"
        place = in_words(properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", ""))
        if place != "kafka://${KafkaDeadLetterTopic}":
            yield f"{mapping_id} has no place for whole records that it gives up"


def _relay(template: Template) -> Iterator[str]:
    for function in template.functions():
        if function.name != "event-relay":
            continue
        if function.properties.get("ReservedConcurrentExecutions", {}).get("Fn::If", [])[1:2] != [1]:
            yield "event-relay is not limited to one invocation at a time"
        targets = [
            in_words(schedule["Properties"]["Target"]["Arn"])
            for schedule in template.resources("AWS::Scheduler::Schedule").values()
        ]
        if f"{function.logical_id}.Arn" not in targets:
            yield "event-relay has no schedule"


def _alarms(template: Template) -> Iterator[str]:
    alarms = template.resources("AWS::CloudWatch::Alarm")
    metrics = set()
    for alarm_id, alarm in alarms.items():
        properties = alarm["Properties"]
        metrics.add(properties.get("MetricName"))
        metrics |= {query["MetricStat"]["Metric"]["MetricName"] for query in properties.get("Metrics", []) if "MetricStat" in query}
        if not properties.get("AlarmActions"):
            yield f"{alarm_id} has no recipient"
    for metric in WATCHED.keys() - metrics:
        yield f"no alarm watches {WATCHED[metric]} ({metric})"
    if len(template.resources("AWS::CloudWatch::Dashboard")) != 1:
        yield "there must be exactly one dashboard"
