"""`.env.example` documents every variable, and none that nobody reads."""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTED = set(re.findall(r"^#?(CARILLON_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
PYTHON = [
    path for folder in ("services", "gateway", "sandbox", "tools") for path in sorted((ROOT / folder).rglob("*.py"))
]


def settings_classes() -> Iterator[type]:
    paths = [*ROOT.glob("services/*/settings.py"), *ROOT.glob("gateway/**/settings.py"), ROOT / "tools/migrate.py"]
    for path in paths:
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for thing in vars(module).values():
            if isinstance(thing, type) and dataclasses.is_dataclass(thing) and thing.__name__.endswith("Settings"):
                yield thing


@pytest.mark.parametrize("kind", list(settings_classes()), ids=lambda kind: kind.__name__)
def test_every_field_of_a_settings_class_is_documented(kind: type) -> None:
    fields = {f"CARILLON_{field.name.upper()}" for field in dataclasses.fields(kind)}

    assert fields <= DOCUMENTED


@pytest.mark.parametrize("file", ["docker-compose.yml", *(str(path.relative_to(ROOT)) for path in PYTHON)])
def test_a_variable_that_is_named_anywhere_is_documented(file: str) -> None:
    own = {"CARILLON_STACK_DIRECTORY"}  # a mark that the embedded stack puts on its processes

    named = set(re.findall(r"\bCARILLON_[A-Z_]+[A-Z]\b", (ROOT / file).read_text()))

    assert named - own <= DOCUMENTED


def test_every_documented_variable_can_be_set_for_containers() -> None:
    assert set(re.findall(r"\bCARILLON_[A-Z_]+[A-Z]\b", (ROOT / "docker-compose.yml").read_text())) >= DOCUMENTED


def test_the_secrets_that_compose_demands_are_the_ones_to_fill_in() -> None:
    compose, example = (ROOT / "docker-compose.yml").read_text(), (ROOT / ".env.example").read_text()

    demanded = set(re.findall(r"\$\{(CARILLON_\w+):\?", compose))
    to_fill_in = set(re.findall(r"^(CARILLON_\w+)=$", example, re.MULTILINE))

    assert demanded == to_fill_in
