"""The list of big screens: pair one, name it, revoke it."""
