"""The folders of wishes as two real Unix users meet them, set up as docs/installation.md says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEDGER, WEB, COMMAND = 61_100, 61_102, 61_104
"""Numbers that own nothing else on this machine."""
IDS = {"yiping-web": WEB, "yiping-command": COMMAND, "yiping-ledger": LEDGER}
ASK = """
wish = Wish(id="0" * 22, do="identify", device="w-a01", asked_by="li", asked_ms=now_ms)
spool.ask(wish)
"""
GRANT = """
[wish] = spool.wishes()
spool.serve(now_ms=now_ms)
spool.tell(Told(id=wish.id, device=wish.device, fate=Fate.DONE, told_ms=now_ms))
"""
LOOK = """
assert spool.is_served(now_ms=now_ms)
print(spool.fate("0" * 22, now_ms=now_ms).fate)
"""

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become other users"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Both folders with the owners and modes of the lines in docs/installation.md."""
    text = (ROOT / "docs" / "installation.md").read_text(encoding="utf-8")
    lines = re.findall(
        r"^install -d -m (\d+) -o (\S+) -g (\S+) /var/lib/yiping-wishes/(\w+)$", text, re.MULTILINE
    )
    assert [line[3] for line in lines] == ["asked", "told"]
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    for mode, owner, group, name in lines:
        (made / name).mkdir()
        os.chown(made / name, IDS[owner], IDS[group])
        (made / name).chmod(int(mode, 8))
    yield made
    shutil.rmtree(made)


def run_as(uid: int, folder: Path, code: str, *, umask: int) -> subprocess.CompletedProcess[str]:
    """Run some lines with a spool, as a user who also reads the ledger.

    The interpreter may lie where only root can read, so the user is changed after the imports.
    """
    before = (
        "import os, time\nfrom pathlib import Path\n"
        "from collector.wishes import Fate, Spool, Told, Wish\n"
        f"os.setgroups([{LEDGER}]); os.setgid({uid}); os.setuid({uid}); os.umask({umask})\n"
        f"spool, now_ms = Spool(Path({str(folder)!r})), time.time_ns() // 1_000_000\n"
    )
    return subprocess.run(
        [sys.executable, "-c", before + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_side_reads_what_the_other_wrote_and_can_write_none_of_it(folder: Path) -> None:
    asked = run_as(WEB, folder, ASK, umask=0o077)
    assert asked.returncode == 0, asked.stderr
    granted = run_as(COMMAND, folder, GRANT, umask=0o027)
    assert granted.returncode == 0, granted.stderr
    looked = run_as(WEB, folder, LOOK, umask=0o077)
    assert (looked.returncode, looked.stdout) == (0, "done\n"), looked.stderr

    told, wish = folder / "told" / f"{'0' * 22}.json", folder / "asked" / f"{'0' * 22}.json"
    for uid, path in ((WEB, told), (COMMAND, wish)):
        for code in (
            f"Path({str(path)!r}).write_text('x')",
            f"Path({str(path)!r}).unlink()",
            f"Path({str(path.with_name('other.json'))!r}).write_text('x')",
        ):
            refused = run_as(uid, folder, code, umask=0o027)
            assert "PermissionError" in refused.stderr, code
