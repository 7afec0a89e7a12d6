"""Trains the networks that tinydigits runs, with Keras, and writes a .keras file and its record."""
