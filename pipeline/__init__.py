"""The product without an orchestrator. Import the concrete module: nothing else is imported or set up here.

`stages/` is how each link is computed, `adapters/` is what talks to the outside, `storage/` is where results lie,
`steps.py` joins the three, and `cli.py` and the Dagster assets call the steps. Only the number of cores is told here,
as numerical libraries ask for it once, when they are imported.
"""

import os

from pipeline.stages.cores import tell_libraries

tell_libraries(os.environ)
