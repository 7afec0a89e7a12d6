"""The graph that every export starts from: the Keras model with its preparation inside."""

import math
from typing import Any

from tinydigits.info import INPUT_NAME, OUTPUT_NAME
from tinydigits_export.fold import folded
from tinydigits_export.keras_model import Original
from tinydigits_train.tensorflow import load_tensorflow


def contract_function(original: Original, batch: int | None, dtype: str) -> Any:
    """A tf.function `images` [batch, 28, 28] → scores, with flatten and ÷255 inside.

    `dtype`: "uint8" takes 0..255. "float32" takes 0..1 and leaves the division out: the TFLite
    converter makes uint8 of that by giving its input the scale 1/255.
    """
    tf = load_tensorflow("export", "export")
    model = folded(original.model)
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.Flatten) and layer.data_format == "channels_last":
            # Keras asks the network for the size of the batch. tf2onnx takes those operators away
            # in most of its runs, and leaves them in others: the same model would be other bytes.
            layer.call = lambda inputs: tf.reshape(inputs, [-1, math.prod(inputs.shape[1:])])

    @tf.function(input_signature=[tf.TensorSpec([batch, 28, 28], dtype, name=INPUT_NAME)])  # type: ignore[untyped-decorator]
    def scores(images: Any) -> Any:
        pixels = tf.cast(images, tf.float32) / 255.0 if dtype == "uint8" else images
        shaped = tf.reshape(pixels, [-1, *original.input_shape])
        return {OUTPUT_NAME: model(shaped, training=False)}

    return scores
