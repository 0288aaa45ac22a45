"""Bad ratings (差评): the list to follow up, with its filters, and one rating in full."""
