"""Lines of text and colour for the screen, made without an app."""
