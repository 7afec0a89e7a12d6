"""Send a picture of a digit to a board over the serial line, and print what the board answers.

    python examples/send_digit.py /dev/ttyACM0 examples/scans/7-red-pen.png
    python examples/send_digit.py COM3 seven.png --recipe dense

The board runs the sketch that `tinydigits export --formats c` or `arduino` wrote. The picture is
fitted here. Besides tinydigits this needs pyserial: pip install pyserial. Its command
`python -m serial.tools.list_ports` lists the ports.
"""

import time
from pathlib import Path
from typing import NamedTuple

import click
import serial

from tinydigits import decode, fit


class Line(NamedTuple):
    """How a sketch takes an image."""

    baud: int
    at_once: int  # bytes, of 784; the sketch asks with a dot for more


LINES = {
    "light": Line(115_200, 28),
    "small": Line(115_200, 28),
    "conv": Line(115_200, 28),
    "dense": Line(115_200, 784),
    "tiny": Line(9_600, 784),
}


@click.command()
@click.argument("port")
@click.argument("picture", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--recipe", type=click.Choice(list(LINES)), default="light", show_default=True)
@click.option(
    "--wait", default=2.0, show_default=True,
    help="The seconds that the board needs to start: opening the port restarts an Arduino Uno.",
)  # fmt: skip
def main(port: str, picture: Path, recipe: str, wait: float) -> None:
    """Send PICTURE to the board at PORT, such as /dev/ttyACM0 or COM3."""
    line = LINES[recipe]
    pixels = fit(decode(picture)).pixels.tobytes()
    with serial.Serial(port, line.baud, timeout=5) as board:
        time.sleep(wait)
        board.reset_input_buffer()  # what it printed while it started
        for start in range(0, len(pixels), line.at_once):
            board.write(pixels[start : start + line.at_once])
            if line.at_once < len(pixels) and board.read() != b".":
                raise click.ClickException(f"no dot came back: is it the sketch of {recipe}?")
        answer = board.readline().decode("ascii", "replace").strip()
    if not answer:
        raise click.ClickException(f"no answer in 5 s: is it the sketch of {recipe}?")
    click.echo(answer)


if __name__ == "__main__":
    main()
