"""The stage `image_manifest`: the images of the bucket, one row each, and what changed since the last run.

- `build.py`: listing → manifest rows, and an account of every object.
- `selection.py`: which one of an image's objects is read.
- `diff.py`: what changed since the last run.
- `keys.py`: the meaning of an object key: category, group, identifier, width.
- `variants.py`: whether names that differ by a width are one picture.
- `bucket_manifest.py`: a bucket's own manifest.json, which takes the place of a listing.
- `declared.py`: the times, places and texts that manifest.json gives of images.
- `digest.py`: a digest that changes when a listing does.
- `watch.py`: what the sensor decides at each tick.

Not here: talking to a bucket (`adapters/`) and storing (`steps/manifest.py`).
"""
