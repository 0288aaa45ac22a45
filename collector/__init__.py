"""The hall's collector: ledger, rates, dashboard and nightly export.

Imports `firmware_config`, never `kiosk`.
"""
