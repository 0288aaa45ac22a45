"""The dashboard's own database, `office.db`: accounts, sessions, failed sign-ins.

The only database the web process writes. It holds no rating and nothing a rate is computed from.
"""

from collector.office.accounts import Account, AccountExists, UnknownAccount
from collector.office.database import Office
from collector.office.lockout import delay_s

__all__ = ["Account", "AccountExists", "Office", "UnknownAccount", "delay_s"]
