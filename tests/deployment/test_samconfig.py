"""The example settings of a deployment. SAM can read them, and the template has every parameter that they set."""

from __future__ import annotations

import re
import tomllib

import pytest
from samcli.cli.types import CfnParameterOverridesType

from template import REPOSITORY, Template

EXAMPLE = (REPOSITORY / "samconfig.example.toml").read_text(encoding="utf-8")


def of_guide() -> str:
    """The samconfig.toml that docs/deploy.md lets the shell write, with a sample value for each shell expression."""
    guide = (REPOSITORY / "docs/deploy.md").read_text(encoding="utf-8")
    text = guide.split("cat > samconfig.toml <<END\n")[1].split("\nEND\n")[0]
    return re.sub(r"\$\([^)]*\)|\$[A-Z_]+", "value", text)


def with_every_choice() -> str:
    """The example with its commented-out choices switched on."""
    return re.sub(r'^  # (".*",)$', r"  \1", EXAMPLE, flags=re.MULTILINE)


@pytest.mark.parametrize("text", [EXAMPLE, with_every_choice(), of_guide()], ids=["example", "every choice", "guide"])
def test_the_parameters_are_the_template_s_and_read_by_sam(text: str) -> None:
    settings = tomllib.loads(text)["default"]
    parameters = Template.of_repository().source["Parameters"]
    required = {name for name, parameter in parameters.items() if "Default" not in parameter}
    deployed = settings["deploy"]["parameters"]["parameter_overrides"]
    for overrides, needed in [(settings["build"]["parameters"]["parameter_overrides"], set()), (deployed, required)]:
        read = CfnParameterOverridesType().convert(tuple(overrides), None, None)
        assert set(read) <= parameters.keys()
        assert needed <= set(read)


def test_every_choice_is_a_choice_more() -> None:
    assert with_every_choice().count("=") == EXAMPLE.count("=") and with_every_choice() != EXAMPLE
