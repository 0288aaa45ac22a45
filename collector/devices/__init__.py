"""How devices are: one judgement for the command line, the pages and the API.

`survey` asks the ledger; everything else here is pure.
"""
