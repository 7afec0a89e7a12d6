"""The benchmarks: one module each with a function `measure`, and one row each in BENCHMARKS."""

from typing import NamedTuple


class Benchmark(NamedTuple):
    """A benchmark that the command line offers."""

    name: str  # its module in this folder, its JSON file and its section of RESULTS.md
    about: str  # the thing measured, in a line
    needs: str = "--mnist DIR"  # the options that it cannot run without


BENCHMARKS = {
    row.name: row
    for row in (
        Benchmark("accuracy", "each exported format against Keras, on the test digits"),
        Benchmark("latency", "one image in memory, with eleven ways to run the network"),
        Benchmark("throughput", "many images in memory, by batch size"),
        Benchmark("folders", "folders of PNG files, against other programs"),
        Benchmark("pictures", "folders of crops and photographs, against a hand-written loop", ""),
        Benchmark("start", "from nothing to the first answer: time, memory, disk"),
        Benchmark("memory", "a list of a million files against one of ten thousand", needs=""),
        Benchmark("fit", "bringing a picture to 28×28", needs=""),
        Benchmark("reading", "how well the models read, and what they refuse"),
        Benchmark("people", "pictures by people, with each kind of fit", needs="--people DIR"),
        Benchmark("scenes", "digits on drawn papers, in shadows, boxes and among lines", needs=""),
        Benchmark(
            "numbers", "whole numbers, against OCR programs", needs="--numbers DIR --mnist DIR"
        ),
        Benchmark("devices", "the C formats on simulated microcontrollers"),
        Benchmark("scale", "large jobs with the Ray engine, on disk and in object storage"),
    )
}
