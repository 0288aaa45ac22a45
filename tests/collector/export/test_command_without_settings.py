"""A receiver can verify an export on a computer that has no collector."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.cli import main


def test_an_export_is_verified_without_any_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["export", "--verify", str(tmp_path)], environ={})
    told = capsys.readouterr()
    assert "settings" not in told.err
    assert code == 1  # an empty folder is no export
    assert "FAIL" in told.out
