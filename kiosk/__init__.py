"""The device program: buttons and lights at a service window, a signed journal, an uplink."""
