"""The template in its written form, and in the form that SAM translates for CloudFormation.

Every check reads one of the two forms from here. So a deliberate fault meets exactly the checks of `make validate`.
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

# SAM and the emulator ask for credentials and never use them. No account is used, and no request leaves this machine.
os.environ |= {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_EC2_METADATA_DISABLED": "true",
    "SAM_CLI_TELEMETRY": "0",
}

# The translator needs the address of uploaded code. `sam deploy` uploads the code; no check looks into it.
UPLOADED = "s3://passbook-code/function.zip"


class _NoManagedPolicies:
    """The managed policies of AWS that the translator asks for. The template uses none, so none are fetched."""

    def load(self) -> dict[str, str]:
        return {}


@dataclass(frozen=True)
class Function:
    """One Lambda function of the translated template."""

    logical_id: str
    name: str
    """The name of the binary, which is also the name of its folder."""
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
        """A copy. A change of the copy does not change this template."""
        return Template(copy.deepcopy(self.source))

    def text(self) -> str:
        return yaml_dump(self.source)

    @functools.cached_property
    def translated(self) -> dict[str, Any]:
        """The resources in the form that CloudFormation gets."""
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
    """The value as a list, because CloudFormation accepts a single item in place of a list."""
    return value if isinstance(value, list) else [value]


def without_value(value: Any) -> bool:
    return value == {"Ref": "AWS::NoValue"}


def alternatives(value: Any) -> list[Any]:
    """All possible values under any conditions: both branches of each `Fn::If`, without `AWS::NoValue`."""
    if isinstance(value, dict) and set(value) == {"Fn::If"}:
        _, if_true, if_false = value["Fn::If"]
        return alternatives(if_true) + alternatives(if_false)
    return [] if without_value(value) else [value]


def in_words(value: Any) -> str:
    """A short form of a value: `Ref` by its name, `Fn::GetAtt` with a dot, `Fn::Sub` by its text, a select by its source."""
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
