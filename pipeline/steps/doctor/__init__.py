"""`image-cluster doctor`: checks of each category (`category.py`) and of the whole data directory (`whole.py`), their
order and repairs (`checkup.py`), and the result of a check (`finding.py`)."""
