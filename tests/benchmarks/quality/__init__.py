"""The benchmark of grouping: data sets with a known truth × recipes → one table."""
