"""With TINYDIGITS_REQUIRE_ALL=1 a skipped test fails the run, and without it does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

FILES = {
    "test_test.py": "import pytest\n\n\ndef test_one():\n    pytest.skip('no tool')\n",
    "test_module.py": "import pytest\n\npytest.importorskip('no_such_tool', reason='no tool')\n",
    "test_passing.py": "def test_two():\n    pass\n",
}


@pytest.mark.parametrize(
    ("required", "said"),
    [("1", "1 failed, 1 passed, 1 error"), ("", "1 passed, 2 skipped")],
)
def test_a_skip_counts_as_required(tmp_path: Path, required: str, said: str) -> None:
    """The skip of a test and that of a module."""
    for name, code in FILES.items():
        (tmp_path / name).write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-c", os.devnull]
    done = subprocess.run(
        [*command, "--continue-on-collection-errors", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"TINYDIGITS_REQUIRE_ALL": required},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1].startswith(said), done.stdout
    assert done.returncode == (1 if required else 0)
