"""Contacts read from a file."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from gateway.cli.contact_file import batches


def test_a_line_is_a_contact_with_its_address(tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    file.write_text('{"externalId": "anna", "email": "anna@example.com"}\n\n{"external_id": "ben"}\n')

    (people,) = batches(file)

    assert [(person.external_id, person.email) for person in people] == [("anna", "anna@example.com"), ("ben", "")]


def test_a_line_that_is_none_is_told_by_its_number(tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    file.write_text('{"externalId": "anna"}\n{"mail": "anna@example.com"}\n')

    with pytest.raises(click.ClickException, match="line 2"):
        list(batches(file))
