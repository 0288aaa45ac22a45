"""`make demo`: the whole hall on one computer, with an embedded broker and 135 virtual kiosks."""
