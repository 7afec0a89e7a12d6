"""The benchmarks: one module each with a function `measure`, and one row each in BENCHMARKS."""

from typing import NamedTuple

from benchmarks.harness.plan import FORMATS
from tinydigits.model import BUNDLED

ALL = tuple(FORMATS)
NETWORKS = tuple(name for name in FORMATS if name in BUNDLED)


class Benchmark(NamedTuple):
    """A benchmark that the command line offers."""

    name: str  # its module in this folder, its JSON file and its section of RESULTS.md
    minutes: float  # about how long it takes on two quiet CPUs, the export of the models included
    about: str  # the thing measured, in a line
    needs: str = "--mnist DIR"  # the options that it cannot run without
    models: tuple[str, ...] = NETWORKS  # the models that it measures unless --model names others


_NUMBERS = "--numbers DIR --mnist DIR"
BENCHMARKS = {
    row.name: row
    for row in (
        Benchmark("accuracy", 4, "each exported format against Keras, on test digits", models=ALL),
        Benchmark("latency", 4, "one image in memory, with twelve ways to run the network"),
        Benchmark("throughput", 7, "many images in memory, by batch size"),
        Benchmark("folders", 7, "folders of PNG files, against other programs"),
        Benchmark("pictures", 2, "folders of crops and photographs, against an expert's loop", ""),
        Benchmark("start", 3, "from nothing to the first answer: time, memory, disk"),
        Benchmark("memory", 1, "a list of a million files against one of ten thousand", ""),
        Benchmark("fit", 0.1, "bringing a picture to 28×28", ""),
        Benchmark("reading", 1, "how well the models read, and what they refuse"),
        Benchmark("people", 0.5, "pictures by people, with each kind of fit", "--people DIR"),
        Benchmark("scenes", 0.5, "digits on drawn papers, in shadows, boxes, among lines", ""),
        Benchmark("numbers", 13, "whole numbers, against OCR programs", _NUMBERS),
        Benchmark("devices", 8, "the C formats on simulated microcontrollers", models=ALL),
        Benchmark("scale", 6, "large jobs with Ray, on disk and in a store", models=("conv",)),
    )
}
