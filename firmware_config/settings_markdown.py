"""The table of settings as Markdown, as it stands in `docs/configuration.md`. Pure."""

from __future__ import annotations

from firmware_config.settings import describe_settings, environment_name


def settings_markdown(program: str, cls: type) -> str:
    """One table for each section of a program's settings.

    Args:
        program: its name, from which the environment variables derive.
        cls: its settings dataclass.
    """
    lines: list[str] = []
    section = None
    for row in describe_settings(cls):
        prefix, _, name = row.key.rpartition(".")
        if prefix != section:
            section = prefix
            lines += [
                "",
                f"#### Section `[{section}]`" if section else "#### Before any section",
                "",
                "| setting | type | default | meaning |",
                "|---|---|---|---|",
            ]
        kind = row.type + (f" in {row.unit}" if row.unit else "")
        if row.range:
            kind += f"; `{row.range}`" if row.range.startswith("matching") else f"; {row.range}"
        default = "**required**" if row.is_required else f"`{row.default}`" if row.default else "—"
        note = " The collector may change it." if row.is_remote else ""
        meaning = f"{row.help}{note}<br>`{environment_name(program, row.key)}`"
        cells = (f"`{name}`", kind, default, meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines[1:]) + "\n"
