"""The benchmarks: one module each with a function `measure`, and one row each in BENCHMARKS."""

from typing import NamedTuple

NETWORKS = ("dense", "conv", "light")  # the bundled networks
EXPORTED = (*NETWORKS, "tiny")


class Benchmark(NamedTuple):
    """A benchmark that the command line offers."""

    name: str  # its module in this folder, its JSON file and its section of RESULTS.md
    about: str  # the thing measured, in a line
    minutes: float  # about how long it takes on two quiet CPUs, the export of the models included
    needs: str = "--mnist DIR"  # the options that it cannot run without
    models: tuple[str, ...] = NETWORKS  # the models that it measures unless --model names others


BENCHMARKS = {
    row.name: row
    for row in (
        Benchmark(
            "accuracy", "each exported format against Keras, on the test digits", 4, models=EXPORTED
        ),
        Benchmark("latency", "one image in memory, with eleven ways to run the network", 4),
        Benchmark("throughput", "many images in memory, by batch size", 7),
        Benchmark("folders", "folders of PNG files, against other programs", 7),
        Benchmark(
            "pictures", "folders of crops and photographs, against a hand-written loop", 2, ""
        ),
        Benchmark("start", "from nothing to the first answer: time, memory, disk", 3),
        Benchmark("memory", "a list of a million files against one of ten thousand", 1, ""),
        Benchmark("fit", "bringing a picture to 28×28", 0.1, ""),
        Benchmark("reading", "how well the models read, and what they refuse", 1),
        Benchmark("people", "pictures by people, with each kind of fit", 0.5, "--people DIR"),
        Benchmark("scenes", "digits on drawn papers, in shadows, boxes and among lines", 0.5, ""),
        Benchmark("numbers", "whole numbers, against OCR programs", 5, "--numbers DIR --mnist DIR"),
        Benchmark("devices", "the C formats on simulated microcontrollers", 8, models=EXPORTED),
        Benchmark(
            "scale",
            "large jobs with the Ray engine, on disk and in object storage",
            6,
            models=("conv",),
        ),
    )
}
