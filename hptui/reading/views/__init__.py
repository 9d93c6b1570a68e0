"""What screens and pictures show, computed from run states: plain numbers, no drawing.

A screen and an export call the same view, so they show the same numbers.
"""
