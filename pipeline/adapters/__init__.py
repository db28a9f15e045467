"""The outside world behind protocols: buckets, encoders and outlets. No Dagster here (`resources/`)."""
