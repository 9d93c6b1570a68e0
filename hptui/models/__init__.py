"""Networks: one file each, every one an nn.Module built as `Network(in_channels=, num_classes=, image_size=)`.

An own network (`path/file.py:Class`) gets those of the three keyword arguments that its constructor names, so
a class without arguments works too. It maps (B, C, H, W) float32 to (B, classes) logits; what else it may answer with
is in `hptui.training.engine.outputs`.
"""
