"""The repository's own template has no findings."""

from __future__ import annotations

import lint
from template import INFRASTRUCTURE, Template
from validate import findings


def test_nothing_is_found_in_the_template() -> None:
    assert list(findings(Template.of_repository())) == []


def test_nothing_is_found_in_the_template_of_the_infrastructure() -> None:
    assert list(lint.cloudformation_lints(INFRASTRUCTURE.read_text(encoding="utf-8"), INFRASTRUCTURE.name)) == []


