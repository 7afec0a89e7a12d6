"""With TINYDIGITS_REQUIRE_ALL=1 a skipped test fails the run, and without it does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(("required", "fails"), [("1", True), ("", False)])
@pytest.mark.parametrize(
    "code",
    [
        "def test_one():\n    pytest.skip('no tool')\n",
        "pytest.importorskip('no_such_tool', reason='no tool')\n\n\ndef test_one():\n    pass\n",
    ],
    ids=["a test", "a module"],
)
def test_a_skip_counts_as_required(tmp_path: Path, code: str, required: str, fails: bool) -> None:
    (tmp_path / "test_skipping.py").write_text(f"import pytest\n\n\n{code}")
    (tmp_path / "test_passing.py").write_text("def test_two():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-c", os.devnull]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"TINYDIGITS_REQUIRE_ALL": required},
        capture_output=True,
        check=False,
    )
    assert (done.returncode in (1, 2)) is fails, done.stdout
