"""The template as it is written, and as SAM translates it for CloudFormation.

Every check reads one of the two from here, so that a deliberate fault meets exactly what `make validate` runs.
"""

from __future__ import annotations

import copy
import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

from samcli.yamlhelper import yaml_dump, yaml_parse
from samtranslator.translator.transform import transform

REPOSITORY = Path(__file__).parents[2]
TEMPLATE = REPOSITORY / "template.yaml"
INFRASTRUCTURE = REPOSITORY / "infrastructure.yaml"

REGION = "eu-central-1"

# SAM and the emulator ask for these and never use them: nothing here has an account, or leaves this machine.
os.environ |= {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_EC2_METADATA_DISABLED": "true",
    "SAM_CLI_TELEMETRY": "0",
}

# The translator wants code that has been uploaded. `sam deploy` sees to that; nothing here looks into it.
UPLOADED = "s3://passbook-code/function.zip"


class _NoManagedPolicies:
    """The translator asks for AWS's managed policies by name. The template uses none, so none are fetched."""

    def load(self) -> dict[str, str]:
        return {}


@dataclass(frozen=True)
class Function:
    """One Lambda function of the translated template."""

    logical_id: str
    name: str
    """The binary's, which is its folder's."""
    kind: str
    """`commands`, `queries` or `events`."""
    properties: dict[str, Any]

    @property
    def environment(self) -> dict[str, Any]:
        return self.properties.get("Environment", {}).get("Variables", {})


class Template:
    """One template, with its intrinsic functions spelled out (`Ref`, `Fn::Sub`, ...)."""

    def __init__(self, source: dict[str, Any]) -> None:
        self.source = source

    @classmethod
    def of_repository(cls) -> Template:
        return cls(yaml_parse(TEMPLATE.read_text(encoding="utf-8")))

    def changed(self) -> Template:
        """A copy that can be changed without harm to this one."""
        return Template(copy.deepcopy(self.source))

    def text(self) -> str:
        return yaml_dump(self.source)

    @functools.cached_property
    def translated(self) -> dict[str, Any]:
        """What CloudFormation gets."""
        source = copy.deepcopy(self.source)
        for resource in source["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = UPLOADED
        return transform(source, {}, _NoManagedPolicies())

    def translated_text(self) -> str:
        return json.dumps(self.translated, indent=1)

    def resources(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """The translated resources of one type, by their logical ids."""
        resources = self.translated["Resources"].items()
        return {logical_id: resource for logical_id, resource in resources if resource["Type"] == resource_type}

    def functions(self) -> Iterator[Function]:
        for logical_id, resource in self.resources("AWS::Lambda::Function").items():
            code = Path(self.source["Resources"][logical_id]["Properties"]["CodeUri"])
            name = resource.get("Metadata", {}).get("BuildProperties", {}).get("Binary", "")
            yield Function(logical_id, name, code.parent.name, resource["Properties"])


def as_list(value: Any) -> list[Any]:
    """CloudFormation takes one where several may be."""
    return value if isinstance(value, list) else [value]


def without_value(value: Any) -> bool:
    return value == {"Ref": "AWS::NoValue"}


def alternatives(value: Any) -> list[Any]:
    """What a value may be, whatever the conditions: both branches of each `Fn::If`, less what is no value."""
    if isinstance(value, dict) and set(value) == {"Fn::If"}:
        _, if_true, if_false = value["Fn::If"]
        return alternatives(if_true) + alternatives(if_false)
    return [] if without_value(value) else [value]


def in_words(value: Any) -> str:
    """A value in short: `Ref` by its name, `Fn::GetAtt` with a dot, `Fn::Sub` by its text, a select by what it is from."""
    if not isinstance(value, dict):
        return str(value)
    ((intrinsic, argument),) = value.items()
    if intrinsic == "Ref":
        return str(argument)
    if intrinsic == "Fn::GetAtt":
        return argument if isinstance(argument, str) else ".".join(argument)
    if intrinsic == "Fn::Sub":
        return str(argument if isinstance(argument, str) else argument[0])
    return json.dumps(value)
