"""Signing in and out, and a visitor's language and theme."""
