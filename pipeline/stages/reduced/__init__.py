"""The stage `reduced`: the vectors that are clustered, and the map.

- `projection.py`: dimension reduction, and positions on the map that stay the same as the library grows.

Not here: reading and storing (`steps/reduced.py`).
"""
