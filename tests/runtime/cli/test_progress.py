"""Progress is one line that is cleared, and a terminal that goes away stops nothing."""

import io
import sys

import pytest

from tinydigits.cli.progress import progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Gone(_Terminal):
    def write(self, _: str) -> int:
        raise OSError


def test_a_line_is_written_over_and_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := _Terminal())
    with progress() as show:
        show("one")
        show("two")
    assert terminal.getvalue() == "\r\033[Kone\r\033[Ktwo\r\033[K"


def test_texts_in_quick_succession_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := _Terminal())
    with progress(every=60) as show:
        show("one")
        show("two")
    assert "two" not in terminal.getvalue()


@pytest.mark.parametrize("stderr", [None, io.StringIO(), _Gone()])
def test_nothing_fails_without_a_terminal(
    stderr: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress() as show:
        show("one")
    assert stderr is None or stderr.getvalue() == ""
