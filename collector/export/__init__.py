"""The nightly export: each closed local day as a folder of files that a receiver can check.

`source` and `closes` read the ledger, `tables`, `balance` and `evidence` decide (pure),
`csv_format` is the first format, `folders` writes, `day` makes one day's content and `exporter`
puts it in its place, `plan` chooses the days, `command` is the command line. `yiping_verify` checks
what was written, by itself: it is the one file a receiver takes, and imports nothing of ours.
Formats and transports to come are one module each.
"""
