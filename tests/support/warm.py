"""A process that has loaded TensorFlow and forks once for each `tinydigits` command.

Loading TensorFlow takes most of the time of the small commands on the pages. The forked process
calls the same function as the installed script, with the caller's words, folder, environment and
standard streams, and ends as a process of its own. TensorFlow starts its threads with its first
operation, which only forked processes do. One's own pictures are shown less often.
"""

import gc
import json
import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT

SHOWN = 640  # pictures an epoch, at least: a tenth, since no page says what so few epochs reach

_CLIENT = """#!{python} -SEI
import json, os, socket, sys

if sys.argv[1:2] not in (["train"], ["export"], ["verify"]):
    os.execv({real!r}, [{real!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode() + b"\\n"
    socket.send_fds(server, [asked[:1]], [0, 1, 2])
    server.sendall(asked[1:])
    sys.exit(int(server.recv(16)))
"""


@contextmanager
def warm(folder: Path) -> Generator[Path]:
    """Fill `folder` with a script `tinydigits` for the PATH. The process serves it until the end.

    The script hands train, export and verify to the process, which answers one at a time. It runs
    the installed script for other commands.
    """
    address = os.path.relpath(folder / "socket")  # as a path in full may be too long for a socket
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        python = Path(sys.executable)
        script = folder / "tinydigits"
        real = str(python.with_name("tinydigits"))
        script.write_text(
            _CLIENT.format(python=python, real=real, address=str(folder / "socket")), "utf-8"
        )
        script.chmod(0o755)
        server = subprocess.Popen(
            [python, "-m", "tests.support.warm", str(listening.fileno())],
            cwd=ROOT,
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    try:
        yield folder
    finally:
        server.terminate()
        server.wait()


def _serve(listening: socket.socket) -> None:
    """Answer until the process is killed. TensorFlow is loaded for the first command."""
    from tinydigits_train import batches
    from tinydigits_train.tensorflow import load_tensorflow

    batches.FEWEST_PICTURES_SHOWN = SHOWN
    while True:
        connection = listening.accept()[0]
        load_tensorflow("the tests", "train")
        gc.freeze()  # else each forked process would copy all of it to look for garbage
        child = os.fork()
        if child == 0:
            listening.close()
            _become(connection)
            return
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        connection.sendall(str(status if status >= 0 else 128 - status).encode())
        connection.close()


def _become(connection: socket.socket) -> None:
    """Take over what the script has: its words, folder, environment and standard streams."""
    begun, streams, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as rest:
        words, folder, environment = json.loads(begun + rest.readline())
    connection.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # Python's objects remember whether the streams they were made for could be sought.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - they stay open until the process ends
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["tinydigits", *words]


if __name__ == "__main__":
    from tinydigits.cli.main import run

    with socket.socket(fileno=int(sys.argv[1])) as given:
        _serve(given)
    sys.exit(run())
