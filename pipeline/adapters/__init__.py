"""The outside world behind the protocols that stages declare: buckets and encoders. No Dagster here."""
