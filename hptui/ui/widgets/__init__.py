"""Pieces of screens: fields, rows of a form, the strip at the top."""
