"""The service worker, run by node where there is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

NODE = shutil.which("node")
TESTS = Path(__file__).with_name("service_worker.test.js")


@pytest.mark.skipif(NODE is None, reason="there is no node here")
def test_the_service_worker_does_what_its_own_tests_say() -> None:
    done = subprocess.run([str(NODE), "--test", str(TESTS)], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout
