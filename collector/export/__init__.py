"""The nightly export: each closed local day as a folder of files that a receiver can check.

`source` reads the ledger, `tables` and `balance` decide (pure), `csv_format` is the first format,
`folders` writes, `exporter` puts one day together, `plan` chooses the days, `verify` checks what
was written without the ledger, `command` is the command line. Formats and transports to come are
one module each.
"""
