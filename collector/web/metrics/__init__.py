"""Figures for monitors, in Prometheus's text format; nothing of citizens or single cases."""
