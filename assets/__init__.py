"""Dagster assets, one module per artefact: call the step, turn its report into a MaterializeResult, check it."""
