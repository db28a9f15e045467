"""`image-cluster doctor`: what is asked of each category (`category.py`) and of the whole data directory (`whole.py`),
the order and mending (`checkup.py`), and how an answer looks (`finding.py`)."""
