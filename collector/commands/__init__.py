"""The commands of `collector`, one module each; `collector.cli` puts them together."""
