"""How long the fuzz tests search: briefly, or with `--hypothesis-profile=lab`."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile("lab", max_examples=20_000)
