"""The style of all plots: dark ink on a light card. No ink can be read both on a white page and on
a dark one: none has a contrast of 4.5 both to white and to #0d1117.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinydigits.errors import MissingExtra
from tinydigits.fitting import SIDE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

CARD, INK, QUIET, LINES = "#f3f4f6", "#1c2128", "#57606a", "#d5d9de"
# Blue and vermilion of Okabe and Ito, "Color Universal Design" (2008): told apart by whoever cannot
# tell red from green. Shapes differ as well.
BLUE, ORANGE = "#0072b2", "#d55e00"
TEXT = 8  # pt
HEAD = 0.75  # in: the two lines at the top
EDGE = 0.2  # in
NARROWEST = 6.4  # in: room for these lines
PIXEL, LARGEST = 0.026, 0.04  # in: a picture's pixel in a gallery; in one of few pictures
CHARACTER, LINE = 2.4, 5.6  # pixels of a gallery: a wide character and a line of TEXT
GAP = 6  # pixels between two pictures
LONGEST = 12  # characters of a label
_FONT = "DejaVu Sans"  # comes with matplotlib
_BOXES = "Last Resort"  # so does this one, which has a box with a code for any character


def require_matplotlib() -> None:
    """Raises MissingExtra where it is not installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra("--plots", "matplotlib", "train") from error


@contextmanager
def style(about: str, labels: Sequence[str] = ()) -> Iterator[tuple[str, list[str]]]:
    """Within, plots look as they do here, whatever the user's matplotlibrc says. Gives the line
    `about` and the labels, as they can be drawn.
    """
    from matplotlib.style import context

    (about, *names), fonts = legible([about, *labels])
    own = {
        "figure.facecolor": CARD,
        "axes.facecolor": CARD,
        "axes.edgecolor": QUIET,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": TEXT + 1,
        "font.family": fonts,
        "font.size": TEXT,
        "grid.color": LINES,
        "image.interpolation": "none",  # pixels stay pixels, in SVG too
        "lines.linewidth": 1.8,
        "text.color": INK,
        "text.parse_math": False,  # a label may be $
        "xtick.color": QUIET,
        "xtick.labelcolor": INK,
        "ytick.color": QUIET,
        "ytick.labelcolor": INK,
    }
    with context(["default", own]):
        yield about, list(map(shortened, names))


def legible(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """The texts, and the fonts to draw them in. For characters that matplotlib's own font lacks,
    the first font of this machine that has all of them; where none has, they become \\u3042.
    """
    from matplotlib.font_manager import findfont, fontManager, get_font

    def lacking(path: str, wanted: set[str]) -> set[str]:
        try:
            return {each for each in wanted if ord(each) not in get_font(path).get_charmap()}
        except (OSError, RuntimeError):  # a font of pictures alone, or a damaged one
            return wanted

    missing = lacking(findfont(_FONT), set("".join(texts)))
    if not missing:
        return list(texts), [_FONT]
    for font in sorted(fontManager.ttflist, key=lambda font: (font.name, font.fname)):
        if not font.name.startswith(_BOXES) and not lacking(font.fname, missing):
            return list(texts), [_FONT, font.name]
    escapes = {ord(each): each.encode("ascii", "backslashreplace").decode() for each in missing}
    return [text.translate(escapes) for text in texts], [_FONT]


def shortened(name: str) -> str:
    """The name, or both of its ends where it is longer than LONGEST."""
    ends = LONGEST // 2
    return name if len(name) <= LONGEST else f"{name[:ends]}…{name[1 - ends :]}"


def card(width: float, height: float, title: str, about: str) -> "Figure":
    """An empty card with room for `width` × `height` inches below its two lines."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    wide, high = max(width + 2 * EDGE, NARROWEST), height + HEAD + EDGE
    room = (EDGE / wide, EDGE / high, 1 - 2 * EDGE / wide, height / high)
    figure = Figure((wide, high), layout=ConstrainedLayoutEngine(rect=room, w_pad=0, h_pad=0))
    left, top = EDGE / wide, 1 - EDGE / high
    figure.text(left, top, title, va="top", family=_FONT, size=TEXT + 4, weight="bold")
    figure.text(left, top - 0.24 / high, about, va="top", color=QUIET)
    return figure


def gallery(
    images: NDArray[np.floating] | NDArray[np.uint8],
    captions: Sequence[str],
    columns: int,
    title: str,
    about: str,
    *,
    colours: str = "gray",
    limits: tuple[float, float] = (0, 255),
    below: float = 0.0,
) -> "tuple[Figure, Axes, AxesImage]":
    """Pictures with a caption over each. images: [N, 28, 28] of any numbers, `limits` the first and
    the last of the `colours`; `below`: inches to leave for what is added.
    """
    lines = [line for caption in captions for line in caption.split("\n")]
    across = GAP + max(SIDE, round(CHARACTER * max(map(len, lines))))
    text = round(LINE * max(caption.count("\n") + 1 for caption in captions))
    down = GAP + text + SIDE
    wide, high = columns * across, -(-len(images) // columns) * down
    pixel = min(max(PIXEL, (NARROWEST - 2 * EDGE) / wide), LARGEST)
    figure = card(wide * pixel, high * pixel + below, title, about)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_anchor("NW")
    sheet = np.full((high, wide), np.nan, np.float32)
    for place, (image, caption) in enumerate(zip(images, captions, strict=True)):
        top = place // columns * down + text
        left = place % columns * across + (across - SIDE) // 2
        sheet[top : top + SIDE, left : left + SIDE] = image
        axes.text(left + SIDE / 2, top - 1, caption, ha="center", va="bottom", linespacing=1.1)
    shown = axes.imshow(np.ma.masked_invalid(sheet), colours, vmin=limits[0], vmax=limits[1])
    return figure, axes, shown


def percent(share: float, _place: object = None) -> str:
    """A mark on an axis of shares in [0, 1]."""
    return f"{100 * share:.4g}%"


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours #rrggbb, 1 to 21, as WCAG 2 defines it: text needs 4.5."""

    def luminance(colour: str) -> float:
        shares = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
        linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def rendered(figure: "Figure", kind: str) -> bytes:
    """The file, `kind` png or svg; of the same figure always the same bytes."""
    from matplotlib import rc_context

    file = io.BytesIO()
    # Marks on axes are made only now. Names in an SVG are hashes with this salt, and it would carry
    # the date.
    with style(""), rc_context({"svg.hashsalt": "tinydigits"}):
        figure.savefig(file, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else {})
    return file.getvalue()
