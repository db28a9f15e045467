"""The stage `image_manifest`: what is in the bucket, one row per object, and what changed.

- `build.py`: listing → manifest rows, one variant per image, and the difference from last time.
- `keys.py`: what an object key means: category, group, identifier, width.
- `bucket_manifest.py`: a bucket's own manifest.json, which then says what exists.
- `digest.py`: one text that changes when a listing does.
- `watch.py`: what the sensor decides at each look.

Not here: talking to a bucket (`adapters/`) and storing (`steps/manifest.py`).
"""
