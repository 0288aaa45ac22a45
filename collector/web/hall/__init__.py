"""The hall today: page, live stream, API."""
