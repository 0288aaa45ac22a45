"""The voice: prompts spoken through a speaker. Optional: nothing else waits for it or needs it.

Imported only where `voice.folder` is set. `prompts` decides (pure), `player` plays.
"""
