"""Pieces of screens: fields, rows of a form, the table of studies, the strip at the top, the line of an export."""
