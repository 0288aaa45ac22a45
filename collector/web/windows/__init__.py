"""Windows in a period: table, one window, API."""
