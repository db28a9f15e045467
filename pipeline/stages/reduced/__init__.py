"""The stage `reduced`: the vectors that are clustered, and the map.

- `projection.py`: dimension reduction.
- `map_layout.py`: positions on the map, which stay the same as the library grows.

Not here: reading and storing (`steps/reduced.py`).
"""
