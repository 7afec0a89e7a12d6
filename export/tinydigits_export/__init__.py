"""Turns a trained .keras file into ONNX and TFLite, and proves each equal to the original."""
