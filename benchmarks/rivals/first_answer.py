"""Programs that start, read one picture and print its class: code for `python -c CODE PICTURE
MODEL`.
"""

IMPORTS = "import numpy, onnxruntime, PIL.Image"
LIBRARY = """
import sys
from tinydigits import Classifier
print(Classifier("dense")(sys.argv[1]).label)
"""
LITERT = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
network = Interpreter(sys.argv[2], num_threads=1)
network.allocate_tensors()
pixels = np.asarray(Image.open(sys.argv[1]))[None]
network.set_tensor(network.get_input_details()[0]["index"], pixels)
network.invoke()
print(network.get_tensor(network.get_output_details()[0]["index"]).argmax())
"""
_KERAS = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
from PIL import Image
network = keras.saving.load_model(sys.argv[2], compile=False)
pixels = np.asarray(Image.open(sys.argv[1]), np.float32).reshape(1, 784) / 255
print(np.asarray({call}).argmax())
"""
KERAS = {
    "Keras model(x)": _KERAS.format(call="network(pixels)"),
    "Keras predict": _KERAS.format(call="network.predict(pixels, verbose=0)"),
}
