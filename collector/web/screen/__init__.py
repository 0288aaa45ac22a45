"""The big screen of the lobby: pairing, page, figures. Open without signing in; see `views`."""
