"""Whole screens and dialogs, and the objects that a dashboard is composed of."""
