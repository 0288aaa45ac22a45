"""The ratings and unrated sessions behind a figure: list, API."""
