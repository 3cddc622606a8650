"""The translated stack in a local CloudFormation. It is made, examined and deleted, once for each choice of stores.

The emulator is moto. It knows fewer resources than CloudFormation. Those that it does not take are named in `NOT_TAKEN`
and printed. A resource that is missing there is a finding.
"""

from __future__ import annotations

import copy
import io
import json
import warnings
import zipfile
from typing import Any, Iterator

import boto3
from moto import mock_aws
from moto.cloudformation.parsing import get_model_map

from template import REGION, Template, without_value

UNKNOWN = "the emulator does not know this type, and would report it as made"
NOT_TAKEN = {
    "AWS::ApiGatewayV2::Api": UNKNOWN,
    "AWS::ApiGatewayV2::Stage": UNKNOWN,
    "AWS::CloudWatch::Alarm": UNKNOWN,
    "AWS::Lambda::EventInvokeConfig": UNKNOWN,
    "AWS::Logs::MetricFilter": UNKNOWN,
    "AWS::MSK::Topic": UNKNOWN,
    "AWS::Scheduler::Schedule": UNKNOWN,
    "AWS::SecretsManager::Secret": UNKNOWN,
    "AWS::SNS::Subscription": UNKNOWN,
    "AWS::Lambda::EventSourceMapping": "the emulator has no Kafka as a source, and fails",
}

LEFT_OUT = "arn:aws:none:eu-central-1:123456789012:"
OF_A_CLUSTER = "arn:aws:kafka:eu-central-1:123456789012:cluster/passbook/0d1f8f3c-1b2a-4c5d-8e9f-000000000000-1"
OF_A_KEY = "arn:aws:kms:eu-central-1:123456789012:key/0d1f8f3c-1b2a-4c5d-8e9f-000000000000"
OF_A_SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_passbook_{}-AbCdEf"

MSK_BY_IAM = {"KafkaBootstrapServers": "b-1.example.com:9098", "KafkaClusterArn": OF_A_CLUSTER}
BY_SCRAM = {
    "KafkaBootstrapServers": "b-1.example.com:9096,b-2.example.com:9096",
    "KafkaSignIn": "scram",
    "KafkaPublisherSecretArn": OF_A_SECRET.format("publisher"),
    "KafkaConsumerSecretArn": OF_A_SECRET.format("consumer"),
}
ATLAS = {
    "AtlasEndpointServiceName": "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0",
    "MongoDbFirstPort": "1024",
    "MongoDbLastPort": "65535",
}

# The choices of stores, with the parameters that select them.
CHOICES: dict[str, dict[str, str]] = {
    "MSK by IAM, MongoDB and MySQL by URI": MSK_BY_IAM,
    "MSK by SCRAM, Atlas by PrivateLink": BY_SCRAM | ATLAS | {"KafkaClusterArn": OF_A_CLUSTER, "KafkaSecretsKeyArn": OF_A_KEY},
    "another Kafka by SCRAM, without reserved concurrency": BY_SCRAM | {"ReserveConcurrency": "no"},
    "topics made here, the networks opened, a key of one's own": MSK_BY_IAM
    | {"KafkaMakeTopics": "yes", "ErasureKeyArn": OF_A_KEY, "AlarmEmail": "a@b.example"},
}


def check(template: Template) -> Iterator[str]:
    """Makes the stack and deletes it, and yields every finding."""
    types = {resource["Type"] for resource in template.translated["Resources"].values()}
    unnamed = types - NOT_TAKEN.keys()
    with mock_aws(config={"lambda": {"use_docker": False}}):
        for resource_type in sorted(unnamed - get_model_map().keys()):
            yield f"the emulator does not take {resource_type}, and the list of such types does not name it"
    for choice, parameters in CHOICES.items():
        yield from _make_and_delete(template, choice, parameters)


def _make_and_delete(template: Template, choice: str, parameters: dict[str, str]) -> Iterator[str]:
    with mock_aws(config={"lambda": {"use_docker": False}}), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            yield from _in_emulator(_taken(template.translated), choice, parameters)
        except Exception as error:  # noqa: BLE001: every error of the emulator is a finding
            yield f"emulator, {choice}: {type(error).__name__}: {error}"


def _in_emulator(body: dict[str, Any], choice: str, parameters: dict[str, str]) -> Iterator[str]:
    network = _network()
    if "ErasureKeyArn" in parameters:
        parameters = parameters | {"KafkaSecurityGroupId": network["group"], "ReadDbSecurityGroupId": network["group"]}
    given = {
        "JwtIssuer": "https://issuer.example.com/",
        "JwtAudience": "passbook",
        "VpcId": network["vpc"],
        "SubnetIds": ",".join(network["subnets"]),
    } | parameters
    _upload_code()
    body = _decided(body, given)
    for resource in body["Resources"].values():
        resource.pop("Condition", None)
    cloudformation = boto3.client("cloudformation", REGION)
    cloudformation.create_stack(
        StackName="passbook",
        TemplateBody=json.dumps(body),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (stack,) = cloudformation.describe_stacks(StackName="passbook")["Stacks"]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        yield f"emulator, {choice}: {stack['StackStatus']}: {stack.get('StackStatusReason')}"
    made = {one["LogicalResourceId"] for one in _resources_of(cloudformation)}
    for logical_id in sorted(body["Resources"].keys() ^ made):
        yield f"emulator, {choice}: {logical_id} was {'made without need' if logical_id in made else 'not made'}"
    functions = boto3.client("lambda", REGION).list_functions(MaxItems=1000)["Functions"]
    wanted = [one for one in body["Resources"].values() if one["Type"] == "AWS::Lambda::Function"]
    if len(functions) != len(wanted):
        yield f"emulator, {choice}: {len(functions)} of {len(wanted)} functions were made"

    cloudformation.delete_stack(StackName="passbook")
    if cloudformation.describe_stacks()["Stacks"]:
        yield f"emulator, {choice}: the stack is still there after it was deleted"
    if boto3.client("lambda", REGION).list_functions()["Functions"]:
        yield f"emulator, {choice}: functions are still there after the stack was deleted"


def _resources_of(cloudformation: Any) -> list[dict[str, Any]]:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName="passbook")
    return [resource for page in pages for resource in page["StackResourceSummaries"]]


def _decided(body: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    """The stack with its conditions decided. The emulator would leave a hole in a list where CloudFormation leaves an item out."""
    defaults = {name: parameter.get("Default", "") for name, parameter in body["Parameters"].items()}
    values = defaults | given

    def holds(condition: Any) -> bool:
        ((intrinsic, argument),) = condition.items()
        if intrinsic == "Condition":
            return holds(body["Conditions"][argument])
        if intrinsic == "Fn::Equals":
            one, other = (values[side["Ref"]] if isinstance(side, dict) else side for side in argument)
            return bool(one == other)
        if intrinsic == "Fn::Not":
            return not holds(argument[0])
        return all(map(holds, argument))

    def decided(value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(decided, value) if not without_value(item)]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Fn::If"}:
            condition, if_true, if_false = value["Fn::If"]
            return decided(if_true if holds(body["Conditions"][condition]) else if_false)
        members = {name: decided(item) for name, item in value.items()}
        return {name: item for name, item in members.items() if not without_value(item)}

    resources = {
        logical_id: decided(resource)
        for logical_id, resource in body["Resources"].items()
        if "Condition" not in resource or holds(body["Conditions"][resource["Condition"]])
    }
    return {"Parameters": body["Parameters"], "Resources": resources, "Outputs": decided(body["Outputs"])}


def _network() -> dict[str, Any]:
    ec2 = boto3.client("ec2", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"] for number in range(2)
    ]
    group = ec2.create_security_group(GroupName="stores", Description="stores", VpcId=vpc)["GroupId"]
    return {"vpc": vpc, "subnets": subnets, "group": group}


def _upload_code() -> None:
    bucket = boto3.client("s3", REGION)
    bucket.create_bucket(Bucket="passbook-code", CreateBucketConfiguration={"LocationConstraint": REGION})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("bootstrap", "")
    bucket.put_object(Bucket="passbook-code", Key="function.zip", Body=archive.getvalue())


def _taken(translated: dict[str, Any]) -> dict[str, Any]:
    """The stack for the emulator: without the resources that it does not take, and without the references to them."""
    body = copy.deepcopy(translated)
    left_out = {logical_id for logical_id, one in body["Resources"].items() if one["Type"] in NOT_TAKEN}
    for logical_id in left_out:
        del body["Resources"][logical_id]
    body.pop("Rules", None)
    return _with_names_for(body, left_out)


def _with_names_for(value: Any, left_out: set[str]) -> Any:
    """The same value. An ARN replaces each reference to a resource that was left out, because policies need an ARN."""
    if isinstance(value, list):
        return [_with_names_for(item, left_out) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("Ref") in left_out:
        return LEFT_OUT + value["Ref"]
    if isinstance(value.get("Fn::Sub"), str):
        text = value["Fn::Sub"]
        for name in left_out:
            text = text.replace(f"${{{name}}}", LEFT_OUT + name)
        return {"Fn::Sub": text}
    if "Fn::Sub" in value:
        # The API's own permissions name the API by a variable of their own.
        text, variables = value["Fn::Sub"]
        return {"Fn::Sub": [text, _with_names_for(variables, left_out)]}
    return {name: _with_names_for(item, left_out) for name, item in value.items()}
