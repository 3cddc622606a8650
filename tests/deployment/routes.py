"""Routes and scopes: the template's equal those of `openapi.yaml`. A Rust test compares `openapi.yaml` with the gateway's."""

from __future__ import annotations

import re
import tomllib
from typing import Iterator

import yaml

from functions import AHEAD
from template import REPOSITORY, Template, in_words

Route = tuple[str, str, str, str]
"""Method, path, function, and the scope that a token must have, or `nobody's` if none is required."""

OPEN_TO_ALL = "nobody's"

NO_OTHER_ROUTE: Route = ("X-AMAZON-APIGATEWAY-ANY-METHOD", "/$default", "api-description", OPEN_TO_ALL)
"""The route for all other requests. Without it API Gateway would answer them in words of its own."""


def check(template: Template) -> Iterator[str]:
    """Every finding about routes."""
    documented = set(documented_routes())
    # The contract answers HEAD like GET, but API Gateway does not use a GET route for HEAD.
    expected = documented | {("HEAD", *rest) for method, *rest in documented if method == "GET"} | {NO_OTHER_ROUTE}
    ahead = AHEAD - {function for _, _, function, _ in documented}
    served = {route for route in served_routes(template) if route[2] not in ahead}
    for method, path, function, scope in sorted(expected - served):
        yield f"openapi.yaml has {method} {path} by {function} with {scope} scope, the template has not"
    for method, path, function, scope in sorted(served - expected):
        yield f"the template has {method} {path} by {function} with {scope} scope, openapi.yaml has not"
    without_scope = {(method, path, function) for method, path, function, _ in documented}
    for method, path, function in sorted(without_scope ^ set(watched_routes())):
        yield f"openapi.yaml and the router of cargo lambda watch disagree on {method} {path} by {function}"


def documented_routes() -> Iterator[Route]:
    document = yaml.safe_load((REPOSITORY / "openapi.yaml").read_text(encoding="utf-8"))
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "x-passbook-function" in operation:
                requirements = operation.get("security", document["security"])
                # A token needs one of several requirements. Each function asks for one scope, so there is one requirement.
                scopes = [scope for requirement in requirements for scope in requirement["bearer"]]
                yield method.upper(), path, operation["x-passbook-function"], ", ".join(scopes) or OPEN_TO_ALL


def served_routes(template: Template) -> Iterator[Route]:
    functions = {function.logical_id: function.name for function in template.functions()}
    for api in template.resources("AWS::ApiGatewayV2::Api").values():
        for path, item in api["Properties"]["Body"]["paths"].items():
            for method, operation in item.items():
                uri = in_words(operation["x-amazon-apigateway-integration"]["uri"])
                integrated = re.search(r"\$\{(\w+)\.Arn\}", uri)
                function = functions.get(integrated.group(1), "") if integrated else ""
                requirements = operation.get("security", [])
                scopes = [scope for requirement in requirements for scopes in requirement.values() for scope in scopes]
                has_authorizer = any(name != "NONE" for requirement in requirements for name in requirement)
                # An authorizer without a scope lets every token in. No route of this API does that.
                unscoped = "any" if has_authorizer else OPEN_TO_ALL
                yield method.upper(), path, function, ", ".join(scopes) or unscoped


def watched_routes() -> Iterator[tuple[str, str, str]]:
    manifest = tomllib.loads((REPOSITORY / "Cargo.toml").read_text(encoding="utf-8"))
    for path, functions in manifest["workspace"]["metadata"]["lambda"]["watch"]["router"].items():
        for function in functions:
            yield function["method"], path, function["function"]
