"""docs/export.md names every option, column, key and exit code there is."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from collector.export import command, corrections, figures, manifest, tables
from collector.settings import ExportSettings
from firmware_config.settings import describe_settings

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "export.md").read_text("utf-8")
_parser = argparse.ArgumentParser()
_export = command.add_parser(_parser.add_subparsers())


@pytest.mark.parametrize(
    "option", [o for a in _export._actions for o in a.option_strings if o not in ("-h", "--help")]
)
def test_every_option_is_documented(option):
    assert option in TEXT


@pytest.mark.parametrize("column", tables.DETAIL_COLUMNS)
def test_every_column_of_the_detail_is_documented(column):
    assert f"`{column}`" in TEXT


@pytest.mark.parametrize(
    "column", [*corrections.CORRECTIONS_COLUMNS, *figures.FIGURE_COLUMNS[16:26]]
)
def test_every_column_of_corrections_and_net_figures_is_documented(column):
    assert f"`{column}`" in TEXT


@pytest.mark.parametrize("key", manifest.Manifest.__struct_fields__)
def test_every_key_of_the_manifest_is_documented(key):
    assert f"`{key}`" in TEXT


@pytest.mark.parametrize(
    "key", [row.key for row in describe_settings(ExportSettings) if row.key != "folder"]
)
def test_every_setting_is_documented(key):
    assert f"export.{key}" in TEXT
