"""What people decide: the decisions, and their replay over computed clusters. Pure: no disk, no database."""
