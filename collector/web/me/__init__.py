"""Everybody's own page: password, sessions, second factor."""
