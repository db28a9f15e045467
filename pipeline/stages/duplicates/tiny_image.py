"""The tiny picture that stands for an image when two images are compared.

What belongs here: the constants that making, comparing and fitting tiny pictures share. Not here: making them
(`signatures.py`), comparing them (`image_difference.py`), fitting one onto another (`registration.py`).
"""

SIDE = 16  # pixels each way
LEAST_GAIN, MOST_GAIN = 0.6, 1.7  # contrast of one picture against the other
