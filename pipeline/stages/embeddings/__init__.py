"""The stage `embeddings`: images → vectors.

- `encoder.py`: the interface of an encoder, and the forward pass over one batch.
- `stream.py`: reading, decoding and the forward pass at the same time.

Not here: the encoders (`adapters/encoders/`) and storing vectors (`storage/vectors.py`).
"""
