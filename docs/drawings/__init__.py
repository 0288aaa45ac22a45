"""Drawings and tables of `docs/wiring.md`, made from the pin profiles so that they never differ.

`python -m docs.drawings` writes the pictures, `UPDATE_DOCS=1 pytest
tests/firmware_config/test_wiring.py` the pictures and the generated parts of the text.
"""
