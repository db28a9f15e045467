"""The tiny picture that stands for an image when two images are compared.

What belongs here: the constants that several modules share. Not here: making tiny pictures (`signatures.py`), comparing
them (`image_difference.py`), aligning them (`registration.py`).
"""

SIDE = 16  # pixels each way
LEAST_GAIN, MOST_GAIN = 0.6, 1.7  # contrast of one picture relative to the other
