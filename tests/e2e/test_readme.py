"""The README's examples, run as they are written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stacks import Running
from tools.providers import add_endpoint, add_mail_account, add_template
from tools.stack.layout import REPOSITORY
from tools.workspace import Workspace, add_people, last_part

BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = BLOCK.findall((REPOSITORY / "README.md").read_text())


@pytest.fixture
async def clone(stack: Running, workspace: Workspace, tmp_path: Path) -> Path:
    """A folder that looks like a clone with a running stack, as far as the examples can see."""
    await add_people(stack.described, workspace, 20)
    sample = {
        "api_key": workspace.api_key,
        "project": workspace.project,
        "email_account": last_part(await add_mail_account(stack.described, workspace)),
        "email_template": last_part(await add_template(stack.described, workspace)),
        "http_account": last_part(await add_endpoint(stack.described, workspace)),
    }
    (tmp_path / ".run").mkdir()
    (tmp_path / ".run" / "stack.json").write_text(json.dumps(stack.described | {"sample": sample}))
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


@pytest.mark.parametrize(("language", "code"), EXAMPLES, ids=[f"{n}-{block[0]}" for n, block in enumerate(EXAMPLES)])
def test_an_example_of_the_readme_runs_as_written(clone: Path, language: str, code: str) -> None:
    command = ["bash", "-euo", "pipefail", "-c", code] if language == "bash" else [sys.executable, "-c", code]

    done = subprocess.run(command, cwd=clone, env=os.environ, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert '"error"' not in done.stdout, done.stdout
    if language == "python":
        assert done.stdout.splitlines()[-1] == "balanced"
    elif "/campaigns" in code and "POST" in code:
        shown = json.loads(done.stdout)
        assert shown.get("status", shown.get("state")) in ("sending", "STATE_ACTIVE")
    else:
        assert "campaigns" in json.loads(done.stdout) or json.loads(done.stdout) == {}


def test_every_file_that_the_readme_names_exists() -> None:
    named = re.findall(r"`((?:services|gateway|proto|tools)/[\w/.]+)`", (REPOSITORY / "README.md").read_text())

    assert named
    assert [name for name in named if not (REPOSITORY / name).exists()] == []
