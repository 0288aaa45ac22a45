"""What both sides of Yiping agree on: wire contract, record chain, fleet, pins, settings.

`kiosk` and `collector` import this package; it imports neither of them.
"""

__version__ = "0.1.0"
