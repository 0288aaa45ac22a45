"""The pages of the hall's rules."""
