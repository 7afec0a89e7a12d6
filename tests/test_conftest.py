"""With TINYDIGITS_REQUIRE_ALL=1 a skipped test fails the run, and without it does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(("required", "status"), [("1", 1), ("", 0)])
def test_a_skip_counts_as_required(tmp_path: Path, required: str, status: int) -> None:
    code = "import pytest\n\n\ndef test_one():\n    pytest.skip('no tool')\n"
    (tmp_path / "test_skipping.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-c", os.devnull]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"TINYDIGITS_REQUIRE_ALL": required},
        capture_output=True,
        check=False,
    )
    assert done.returncode == status, done.stdout
