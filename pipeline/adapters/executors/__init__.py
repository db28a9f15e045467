"""Where embedding runs besides this process: `ray_pool.py` hands tasks to workers, `worker.py` is one of them."""
