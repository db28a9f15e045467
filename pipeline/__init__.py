"""The product without an orchestrator. Import the concrete module: nothing is imported or set up here.

`stages/` is how each link is computed, `adapters/` is what talks to the outside, `storage/` is where results lie,
`steps.py` joins the three, and `cli.py` and the Dagster assets call the steps.
"""
