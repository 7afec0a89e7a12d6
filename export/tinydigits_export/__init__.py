"""Turns a trained .keras file into ONNX, TFLite, C and a web page, and proves each against the
original.
"""
