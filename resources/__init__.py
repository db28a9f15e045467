"""Dagster resources: configuration, secrets and life-cycle; each builds one adapter."""
