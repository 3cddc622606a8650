"""The findings of AWS's own linters, SAM's and CloudFormation's. They contain their schemas, so nothing is looked up."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator

from cfnlint.api import lint
from samtranslator.model.exceptions import InvalidDocumentException

from template import REGION, Template

# Two regions that differ in their services.
REGIONS = [REGION, "us-east-1"]


def sam_validates(template: Template) -> Iterator[str]:
    """`sam validate --lint`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.yaml"
        path.write_text(template.text(), encoding="utf-8")
        command = [sys.executable, "-m", "samcli", "validate", "--lint", "--template", path]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            yield f"sam validate --lint: {(run.stdout + run.stderr).strip()}"


def cloudformation_lints(text: str, which: str) -> Iterator[str]:
    """`cfn-lint`, of a template's text."""
    for match in lint(text, regions=REGIONS):
        yield f"cfn-lint of {which}: {match.rule.id} {match.message} (line {match.linenumber})"


def translates(template: Template) -> Iterator[str]:
    """Whether SAM can translate the template for CloudFormation."""
    try:
        template.translated
    except InvalidDocumentException as error:
        for cause in error.causes:
            yield f"SAM cannot translate it: {cause.message}"
