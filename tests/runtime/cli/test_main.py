"""The command line: rows on stdout, everything else on stderr, and the exit codes of the contract.

Whatever a process alone can show is shown by the installed command: streams, terminals, and that
it answers as main does in the process of the tests.
"""

import csv
import io
import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, SCANS
from tests.support.commands import COMMAND, run, run_apart
from tests.support.files import zipped
from tinydigits import __version__
from tinydigits.model import MODELS

BROKEN = ROOT / "examples" / "broken"


def test_the_examples_are_read_and_show_ok_and_uncertain() -> None:
    status, rows, summary = run_apart("classify", "examples/scans")
    lines = rows.splitlines()
    assert status == 0
    assert len(lines) == len(list(SCANS.iterdir())) >= 25
    assert "examples/scans/10-blank-sheet.jpg: -  uncertain: blank" in lines
    assert summary.startswith(f"{len(lines)} images: {len(lines) - 1} ok, 1 uncertain, 0 unread")


def test_broken_files_are_error_rows_and_exit_1() -> None:
    status, rows, summary = run("classify", str(BROKEN))
    assert status == 1
    assert [": error: " in line for line in rows.splitlines()] == [True] * 3
    assert summary.startswith("3 images: 0 ok, 0 uncertain, 3 unreadable")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["classify"], "Missing argument"),
        (["classify", "--format", "xml", "."], "Invalid value"),
        (["classify", "-m", "missing.onnx", "."], "error: missing.onnx: No such file"),
        (["classify", "flatt"], "error: flatt: No such file"),
        (["classify", "-m", "densee", "."], "densee: no such model; bundled: conv, light, dense"),
        (
            ["info", "densee"],
            "no such model; bundled: conv, light, dense; or pass a file; did you mean de",
        ),
        (["nothing"], "No such command 'nothing'\n"),
        (["clasify"], "No such command 'clasify'; did you mean classify?"),
        (["examples/scans"], "to read it, type: tinydigits classify examples/scans"),
        (["classify", "--modle", "dense"], "Did you mean '--model'?"),
    ],
)
def test_wrong_usage_exits_2_with_one_line(words: list[str], said: str) -> None:
    status, rows, errors = run(*words)
    assert (status, rows) == (2, "")
    assert said in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("classify inbox/scan", "inbox/scans"),
        ("classify inbix/scans/a.png", "inbox/scans/a.png"),
        ("classify inbox/Scans/b.png", "inbox/scans"),
        ("read inbox/scans/aa.png", "inbox/scans/a.png"),
        ("evaluate inbox/scns", "inbox/scans"),
        ("classify -m inbox/dgits.onnx inbox", "inbox/digits.onnx"),
        ("info inbox/digit.onnx", "inbox/digits.onnx"),
        ("unsort inbx", "inbox"),
        ("classify --watch imbox", "inbox"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_likely_one(
    tmp_path: Path, words: str, meant: str
) -> None:
    """In each command, for files and folders that are not hidden; nothing is read or written."""
    (tmp_path / "inbox" / "scans").mkdir(parents=True)
    for name in ("scans/a.png", "truth.csv", "digits.onnx", ".scns"):
        (tmp_path / "inbox" / name).touch()
    status, rows, errors = run(*words.split(), cwd=tmp_path)
    assert (status, rows) == (2, "")
    assert errors.endswith(f"; did you mean {meant}?\n")
    assert [path.name for path in tmp_path.iterdir()] == ["inbox"]


def test_no_image_exits_2_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden.png").touch()
    output = tmp_path / "out.csv"
    status, rows, errors = run("classify", str(tmp_path), "-o", str(output))
    assert (status, rows) == (2, "")
    assert "no image found" in errors
    assert "1 hidden, 1 other file" in errors
    assert not output.exists()


def test_a_missing_file_in_a_list_is_a_row(tmp_path: Path) -> None:
    scan = str(SCANS / "1-small.png")
    status, rows, _ = run("classify", "-", stdin=f"{tmp_path}/none.png\n{scan}".encode())
    assert status == 1
    assert rows.splitlines()[0].endswith("none.png: error: No such file or directory")
    assert rows.splitlines()[1].startswith(f"{scan}: 1 ")


def test_a_list_on_stdin_keeps_its_order_and_repeats() -> None:
    names = [str(SCANS / name) for name in ("7-black-pen.jpg", "1-small.png", "7-black-pen.jpg")]
    status, rows, _ = run_apart("classify", "-", stdin="\n".join(names).encode())
    assert status == 0
    assert [line.partition(": ")[0] for line in rows.splitlines()] == names


def test_formats_hold_the_same_rows(tmp_path: Path) -> None:
    outputs = {}
    for format_ in ("csv", "jsonl"):
        status, outputs[format_], _ = run("classify", "--format", format_, str(SCANS))
        assert status == 0
        path = tmp_path / f"rows.{format_}"
        assert run("classify", "-o", str(path), str(SCANS))[:2] == (0, "")
        assert path.read_text() == outputs[format_]
    from_csv = list(csv.DictReader(io.StringIO(outputs["csv"])))
    from_jsonl = [json.loads(line) for line in outputs["jsonl"].splitlines()]
    assert len(from_csv) == len(from_jsonl) == len(list(SCANS.iterdir()))
    for a, b in zip(from_csv, from_jsonl, strict=True):
        assert a == {key: "" if value is None else str(value) for key, value in b.items()}


def test_batch_size_changes_nothing() -> None:
    assert run("classify", "--batch-size", "3", str(SCANS))[1] == run("classify", str(SCANS))[1]


def test_options_reach_the_classifier() -> None:
    scan = str(SCANS / "0-white-on-black.png")
    assert "uncertain: low_score" in run("classify", "--min-score", "1", scan)[1]
    assert "fit=none takes 28×28" in run("classify", "--fit", "none", scan)[1]
    assert "over the limit of 100" in run("classify", "--max-pixels", "100", scan)[1]
    assert "over the limit of 10" in run("classify", "--max-bytes", "10", scan)[1]
    inverted = json.loads(run("classify", "--format", "jsonl", "--invert", "yes", scan)[1])
    assert inverted["inverted"] is True


def test_what_the_model_saw_can_be_looked_at(tmp_path: Path) -> None:
    twice = [str(SCANS / "7-black-pen.jpg")] * 2 + [str(BROKEN / "text.png")]
    assert run("classify", "--save-fit", str(tmp_path / "seen"), *twice)[0] == 1
    names = sorted(path.name for path in (tmp_path / "seen").iterdir())
    assert names == ["000001-7-black-pen.png", "000002-7-black-pen.png"]
    # What was saved is a model input: it is read alike.
    again = run("classify", str(tmp_path / "seen"))[1]
    assert [line.split(": ")[1].split()[0] for line in again.splitlines()] == ["7", "7"]
    (tmp_path / "file").touch()
    status, _, errors = run("classify", "--save-fit", str(tmp_path / "file"), *twice)
    assert status == 1
    assert "cannot be written" in errors


def test_a_closed_pipe_ends_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [COMMAND, "classify", str(SCANS)], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == b""


@pytest.mark.linux
def test_closed_and_full_streams_are_errors_or_not_needed() -> None:
    scan = str(SCANS / "1-small.png")

    def shell(redirection: str, words: str = scan) -> tuple[int, str]:
        command = f"'{COMMAND}' classify {words} {redirection}"
        done = subprocess.run(command, shell=True, capture_output=True, check=False)
        return done.returncode, (done.stdout + done.stderr).decode()

    assert shell("<&-")[0] == 0
    assert shell("2>&-")[0] == 0
    assert shell("<&-", "-") == (
        2,
        "error: -: stdin is closed, where a list of files was expected\n",
    )
    assert shell(">&-") == (1, "error: stdout is closed: name a file with -o\n")
    assert shell("> /dev/full") == (1, "error: stdout cannot be written: No space left on device\n")


def test_a_terminal_without_the_signs_is_no_error() -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [COMMAND, "classify", str(SCANS)]
    assert (
        subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
    )


def test_an_unwritable_output_is_an_error(tmp_path: Path) -> None:
    status, _, errors = run("classify", str(SCANS), "-o", str(tmp_path / "none" / "a.csv"))
    assert status == 1
    assert "a.csv: cannot be written: No such file" in errors


def test_a_name_that_is_not_utf8_leaves_as_it_came(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.png"
    Path(os.fsdecode(name)).write_bytes((SCANS / "1-small.png").read_bytes())
    done = subprocess.run(
        [COMMAND, "classify", "--format", "csv", tmp_path], capture_output=True, check=True
    )
    assert done.stdout.splitlines()[1].startswith(name + b",1,")


def on_terminal(*words: str) -> tuple[bytes, bytes]:
    """stdout (a pipe) and what a terminal on stderr shows."""
    controller, terminal = pty.openpty()
    done = subprocess.run([COMMAND, *words], stdout=subprocess.PIPE, stderr=terminal, check=True)
    os.close(terminal)
    shown = b""
    try:
        while part := os.read(controller, 65536):
            shown += part
    except OSError:  # Linux says EIO where a terminal has no writer left
        pass
    os.close(controller)
    return done.stdout, shown


def test_progress_shows_on_a_terminal_only() -> None:
    rows, shown = on_terminal("classify", str(SCANS))
    assert b"28 images\r" in shown
    assert b"\r" not in rows
    assert "\r" not in run_apart("classify", str(SCANS))[2]


def test_progress_does_not_mix_with_rows_on_one_terminal(tmp_path: Path) -> None:
    command = f"'{COMMAND}' classify '{SCANS}'"
    script = ["script", "-qec", command, str(tmp_path / "log")]
    shown = subprocess.run(script, capture_output=True, check=True).stdout
    assert b"10-blank-sheet.jpg: -  uncertain: blank" in shown
    assert b"28 images\r" not in shown


@pytest.mark.parametrize("before", ["\ufeff", " '"])
def test_no_credential_of_an_address_within_a_line_is_printed(tmp_path: Path, before: str) -> None:
    addresses = ("https://me:SESAME@h.example/a.png?s=SECRET", "https:/me:SE/SESAME@h/a.zip?SECRET")
    names = [*(before + address for address in addresses), "https:/me:?SESAME@h/a.npy?SECRET"]
    words = ("classify", "-", "--report", "page.html", "-o")
    # A mark at the very beginning of a list is that of its encoding, and is no part of a name.
    stdin = "".join(f"\n{name}" for name in names).encode()
    for output in ("rows.csv", "rows.jsonl"):
        status, rows, errors = run(*words, output, stdin=stdin, cwd=tmp_path)
        assert (status, rows) == (1, "")
        assert errors.startswith("3 images: 0 ok, 0 uncertain, 3 unreadable")
    status, said, _ = run("classify", "-", stdin=stdin, cwd=tmp_path)
    assert said.count("No such file or directory\n") == 3
    for wrong in (["-o", names[0]], ["-m", names[0]], ["--watch"], ["--top-k", names[0]]):
        status, rows, errors = run("classify", names[1], *wrong, cwd=tmp_path)
        assert status in (1, 2)
        said += rows + errors
    said += run("info", names[0])[2] + run("evaluate", names[0])[2] + run(names[0])[2]
    said += "".join(path.read_text("utf-8") for path in tmp_path.iterdir())
    assert "h.example/a.png" in said
    assert not any(secret in said for secret in ("SESAME", "SECRET"))


def test_a_file_is_named_as_it_is_called(tmp_path: Path) -> None:
    name = "https:/me:SESAME@h/a.png?size=9"
    (tmp_path / name).parent.mkdir(parents=True)
    shutil.copy(SCANS / "1-small.png", tmp_path / name)
    assert run("classify", name, cwd=tmp_path)[1].startswith(f"{name}: 1 ")


@pytest.mark.parametrize("letter", ["a", r"\0", r"\n"])
def test_a_list_that_never_gives_a_name_is_wrong_usage(tmp_path: Path, letter: str) -> None:
    rows = tmp_path / "rows.csv"
    with (
        Path("/dev/zero").open() as zeros,
        subprocess.Popen(["tr", r"\0", letter], stdin=zeros, stdout=subprocess.PIPE) as endless,
    ):
        words = [COMMAND, "classify", "-", "-o", str(rows)]
        done = subprocess.run(words, stdin=endless.stdout, capture_output=True, check=False)
        endless.kill()
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: -: the list holds no name in 1,048,576 bytes; end each")
    assert list(tmp_path.iterdir()) == []


def test_the_package_is_run_as_the_command_is() -> None:
    for words, status in ((["--version"], 0), (["classify", "none.png"], 2)):
        command = [sys.executable, "-m", "tinydigits", *words]
        done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False)
        assert done.returncode == status
        assert done.stdout.decode() == run_apart(*words)[1]


def test_version_and_info() -> None:
    assert run_apart("--version")[1] == f"tinydigits {__version__}\n"
    status, text, _ = run("info")
    assert status == 0
    assert "conv, 7,718 parameters" in text
    assert max(map(len, text.splitlines())) <= 100
    assert "dense, 7,850 parameters" in run("info", "dense")[1]
    assert json.loads(run("info", "dense", "--json")[1])["recipe"] == "dense"


def test_what_a_file_says_of_itself_gives_no_orders_to_the_terminal(tmp_path: Path) -> None:
    evil = "\x1b]0;evil\x07\u202e\n"
    card = json.loads(run("info", "dense", "--json")[1])
    card |= {"trained_on": {evil: evil}, "metrics": {evil: {evil: 1}}}
    card["input"]["shape"] = card["input"]["dtype"] = [evil]
    card["artifacts"][evil] = {"bytes": 1, "sha256": ""}
    model = tmp_path / "dense.onnx"
    shutil.copy(MODELS / "dense.onnx", model)
    model.with_suffix(".json").write_text(json.dumps(card))
    status, text, _ = run("info", str(model))
    assert status == 0
    assert text.count(r"\x1b]0;evil\x07\u202e\n") == 7
    assert text.replace("\n", "").isprintable()
    assert evil not in run("info", str(model), "--json")[1]
    picture = ("\x1b[2J.png", (SCANS / "1-small.png").read_bytes())
    (tmp_path / "a.zip").write_bytes(zipped(picture))
    words = ("-", "--sort-into", str(tmp_path / "out"), "--sort-by", "move")
    status, _, errors = run("classify", *words, stdin=f"{tmp_path}/a.zip".encode())
    assert status == 1
    assert r"a.zip/\x1b[2J.png: pictures in archives" in errors
    assert "\x1b" not in errors


def test_every_command_is_in_the_help_and_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    listed = run("--help")[1]
    for command in ("classify", "evaluate", "bench", "info", "train", "export", "verify"):
        assert f"\n  {command} " in listed
        assert f"tinydigits {command}" in readme
