"""Devices: the list with the plan of the hall, one device, and finding it by its blinking."""
