"""Other ways to read a folder: `python -m benchmarks.rivals.folders NAME FOLDER MODEL OUT`.

Each reads a folder of PNG files in sub-folders and writes a CSV of path, class and score, written
as well as its users would write it. The seconds from after the import of TensorFlow are printed.
"""

import glob
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

BATCH, THREADS = 256, 2


def reading(folder: str, model: str, out: str) -> None:
    """Read names and bytes and do nothing with them: no program can be faster."""
    del model
    total = 0
    for path in _files(folder):
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - the fastest way
            total += len(file.read())
    Path(out).write_text(f"{total}\n")


def expert(folder: str, model: str, out: str) -> None:
    """Decode with cv2.imread, which releases Python's lock."""
    import cv2

    paths = list(_files(folder))
    in_batches(paths, BATCH, model, out, lambda path: cv2.imread(path, cv2.IMREAD_GRAYSCALE))


def in_batches(
    paths: list[str], size: int, model: str, out: str, image_of: Callable[[str], Any]
) -> None:
    """Read the images in two threads, each of which runs onnxruntime on batches of `size`."""
    import cv2
    import numpy as np
    import onnxruntime as ort

    cv2.setNumThreads(1)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def read(batch: list[str]) -> Any:
        images = np.stack([image_of(path) for path in batch])
        return session.run(None, {"images": images})[0]

    batches = [paths[first : first + size] for first in range(0, len(paths), size)]
    with ThreadPoolExecutor(THREADS) as pool:
        write(out, paths, np.concatenate(list(pool.map(read, batches))))


def image_dataset(folder: str, model: str, out: str) -> None:
    """Do what the Keras documentation shows, with its settings."""
    import keras

    network = keras.saving.load_model(model)
    data = keras.utils.image_dataset_from_directory(
        folder, labels=None, color_mode="grayscale", image_size=(28, 28), shuffle=False
    )
    paths = data.file_paths
    scores = network.predict(data.map(_as_input(network)), verbose=0)
    write(out, paths, scores)


def tf_data(folder: str, model: str, out: str) -> None:
    """Decode in parallel, in batches, and prefetch them."""
    import keras
    import tensorflow as tf

    network = keras.saving.load_model(model)
    paths = list(_files(folder))

    def decoded(path: Any) -> Any:
        return tf.io.decode_png(tf.io.read_file(path), channels=1)

    data = tf.data.Dataset.from_tensor_slices(paths)
    data = data.map(decoded, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    data = data.batch(BATCH).map(_as_input(network)).prefetch(tf.data.AUTOTUNE)
    write(out, paths, network.predict(data, verbose=0))


def _as_input(network: Any) -> Any:
    """Return a function from [N, 28, 28, 1], 0..255, to the input of the network."""
    import tensorflow as tf

    shape = (-1, *network.input_shape[1:])
    return lambda images: tf.reshape(tf.cast(images, tf.float32) / 255, shape)


def _files(folder: str) -> Iterator[str]:
    yield from sorted(glob.glob(f"{folder}/*/*.png"))  # noqa: PTH207 - most users write this


def write(out: str, paths: Iterable[str], scores: Any) -> None:
    best = scores.argmax(axis=1).tolist()
    top = scores.max(axis=1).tolist()
    with Path(out).open("w", encoding="utf-8") as file:
        file.writelines(
            f"{path},{label},{score:.6f}\n"
            for path, label, score in zip(paths, best, top, strict=True)
        )


TENSORFLOW = ("image_dataset", "tf.data")
READERS = {
    "reading": reading,
    "cv2": expert,
    "image_dataset": image_dataset,
    "tf.data": tf_data,
}

if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    if name in TENSORFLOW:
        import tensorflow  # noqa: F401 - its import is not counted
    began = time.perf_counter()
    READERS[name](*rest)
    print(time.perf_counter() - began)
