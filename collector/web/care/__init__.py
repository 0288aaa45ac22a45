"""What the nightly jobs leave behind, as the dashboard's user can read it: exports, backups,
reconciliations. Nothing is written here."""
