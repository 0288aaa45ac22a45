"""Departments in a period: table, one department, API."""
