"""The nightly exports: what is there, what is missing, and the files themselves."""
