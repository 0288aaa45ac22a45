"""Corrections (误评): ratings that do not count, each said by one person and approved by another.

A file of its own, `corrections.db`, to which entries are only ever added. Nothing here can make or
change a rating: a correction names one signed record and leaves it out of the net figures.
"""
