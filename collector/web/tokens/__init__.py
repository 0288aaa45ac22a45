"""Tokens of programs: made, listed and revoked by administrators."""
