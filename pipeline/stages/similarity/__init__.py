"""The stage `similarity`: the index that finds what looks like an image.

- `index.py`: building, searching, and the bytes of an index; `ivf_index.py`: the index of more than a million.

Not here: reading vectors and filters (`steps/similarity.py`, `steps/search.py`).
"""
