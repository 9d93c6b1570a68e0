"""Tensors: one training at one moment, the loop that advances it, and how it is evaluated. It knows no events."""
