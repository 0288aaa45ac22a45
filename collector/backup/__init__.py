"""Backups: copies of the databases that were opened again and verified where they lie."""
