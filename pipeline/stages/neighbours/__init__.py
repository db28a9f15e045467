"""Embeddings → nearest neighbours, and the graph over them.

- `knn.py`: the nearest neighbours of each image; `knn_ivf.py`: the same for many images, by cells.
- `fuzzy_graph.py`: neighbours → a weighted graph.

Not here: clusters of that graph (`stages/labels/community/`).
"""
