"""Reports: one table in every form."""
