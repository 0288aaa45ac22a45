"""Whether the dashboard can answer."""
