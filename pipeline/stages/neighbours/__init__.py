"""Embeddings → who lies near whom.

- `knn.py`: the nearest neighbours of each image; `knn_ivf.py`: the same among many images, in cells.
- `fuzzy_graph.py`: neighbours → a weighted graph.

Not here: clusters of that graph (`stages/labels/community/`).
"""
