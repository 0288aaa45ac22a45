"""The dashboard: server-rendered pages over the ledger, read-only, Chinese first.

One folder for each group of pages. Nothing here can change a rating: the ledger is opened
`mode=ro`, and the only database written is `office.db` (accounts and sessions).
"""
