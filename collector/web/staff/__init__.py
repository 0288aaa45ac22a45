"""Members of staff in a period, where the hall has switched that on: table, one, API."""
