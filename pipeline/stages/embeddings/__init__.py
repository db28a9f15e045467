"""The stage `embeddings`: images → vectors.

- `stream.py`: reading, decoding and the forward pass at the same time.

Not here: the encoders (`adapters/encoders/`) and storing vectors (`storage/vectors.py`).
"""
