"""Features beside the embedding that may count when images are compared.

- `time_and_place.py`: when and where an image was taken, as numbers.
- `metric_learning.py`: a linear map of the embeddings, learnt from rated pairs.

Not here: reading times, places and ratings (`steps/features.py`).
"""
