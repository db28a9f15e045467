"""The stage `duplicates`: which images are the same picture, and which of them is the best.

- `signatures.py`: a perceptual hash and a tiny picture of each image; `tiny_image.py`: the size of that picture.
- `candidate_pairs.py`: which pairs are worth comparing.
- `image_difference.py`: how far two tiny pictures differ; `registration.py`: the same after a fit.
- `groups.py`: pairs → groups, and the image to keep of each.

Not here: reading thumbnails and storing (`steps/duplicates.py`).
"""
