"""The nightly reconciliation: what the devices say they wrote beside what the ledger holds.

`model` is pure and judges; `reading` asks the ledger; `asking` sends `resend` for what is missing;
`report` shows; `command` puts them together.
"""
