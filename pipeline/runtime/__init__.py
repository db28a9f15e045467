"""The machine and its libraries, not images.

- `cpu.py`: how many cores this process may use.
- `ending.py`: a signal before a command has begun.
- `jit.py`: loops compiled by numba; `numba_cache.py`: the disk cache of UMAP's compiled functions.
- `memory.py`: handing freed memory back.
- `torch_threads.py`: whether torch is installed, loading it late, limiting it to one core per thread.
- `versions.py`: versions of packages.

Imports nothing from the rest of the product.
"""
