"""The stage `duplicates`: which images show the same picture, and which of them to keep.

- `signatures.py`: a perceptual hash and a tiny picture of each image; `tiny_image.py`: the size of that picture.
- `candidate_pairs.py`: which pairs are worth comparing; `hash_index.py`: those whose perceptual hashes are near.
- `image_difference.py`: how much two tiny pictures differ; `registration.py`: the same after aligning them.
- `groups.py`: pairs → groups, and the image to keep of each group.

Not here: reading thumbnails and storing (`steps/duplicates.py`).
"""
