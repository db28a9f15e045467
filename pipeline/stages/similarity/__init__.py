"""The stage `similarity`: the index for similarity search.

- `index.py`: build, search and serialise an index; `ivf_index.py`: the index for more than a million vectors.

Not here: reading vectors and filters (`steps/similarity.py`, `steps/search.py`).
"""
