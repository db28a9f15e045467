"""What concerns the machine and its libraries, not images.

- `cpu.py`: how many cores this process may use.
- `jit.py`: loops that numba compiles; `numba_cache.py`: where what it compiles is kept.
- `torch_threads.py`: torch kept to one core in threads beside which others work.

Imports nothing of ours.
"""
