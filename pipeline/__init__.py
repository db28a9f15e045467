"""The product without an orchestrator: compute, adapters, storage, steps, the command line and the service.

- `stages/`: how each link is computed. `curation/`: what people decide, replayed over computed clusters.
- `adapters/`: the outside world. `storage/`: where results lie. `steps/`: read, compute, write.
- `cli.py`, `commands/`, `service/`: what people use. `definitions.py`, `automation.py`: what Dagster loads.

Import the concrete module; nothing is re-exported here. Importing this package sets one thing: the number of cores that
a container grants, which numerical libraries read once, at their own import.
"""

import os

from pipeline.runtime.cpu import tell_libraries

tell_libraries(os.environ)
