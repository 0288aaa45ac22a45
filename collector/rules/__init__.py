"""The hall's rules: which ratings satisfy, over which base, rounded how, open when.

Versions are only added, never changed. The dashboard writes them; every report reads them.
"""
