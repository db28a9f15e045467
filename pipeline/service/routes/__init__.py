"""The resources, one file for each; every one has a `router` that `app.py` mounts under /api/v1 and /api."""
