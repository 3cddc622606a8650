"""All checks of a template before it is deployed. `make validate` runs this file; the tests run the same checks."""

from __future__ import annotations

import sys
from typing import Iterator

import emulator
import functions
import lint
import rights
import routes
from template import INFRASTRUCTURE, TEMPLATE, Template


def findings(template: Template) -> Iterator[str]:
    """All findings of a template, those of the quickest checks first."""
    untranslatable = list(lint.translates(template))
    if untranslatable:
        yield from untranslatable
        return
    yield from functions.check(template)
    yield from routes.check(template)
    yield from rights.check(template)
    yield from lint.cloudformation_lints(template.text(), TEMPLATE.name)
    yield from lint.cloudformation_lints(template.translated_text(), "the translated template")
    yield from lint.sam_validates(template)
    yield from emulator.check(template)


def main() -> int:
    template = Template.of_repository()
    found = list(findings(template))
    found += lint.cloudformation_lints(INFRASTRUCTURE.read_text(encoding="utf-8"), INFRASTRUCTURE.name)
    for finding in found:
        print(finding, file=sys.stderr)
    print(f"Made and deleted in the emulator: {'; '.join(emulator.CHOICES)}. It did not take:")
    for resource_type, reason in emulator.NOT_TAKEN.items():
        print(f"  {resource_type}: {', '.join(template.resources(resource_type))} ({reason})")
    print(f"{len(found)} findings in {TEMPLATE.name} and {INFRASTRUCTURE.name}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
