"""The two demo libraries: bollards, which we draw, and stamps, which a Debian package carries."""
