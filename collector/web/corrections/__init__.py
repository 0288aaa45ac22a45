"""Corrections (误评): open ones, those of a month, one in full, and the forms that add to them."""
