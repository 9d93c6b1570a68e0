"""Libraries of networks, one file each: `--model torchvision:resnet18` is a network of the library torchvision.

A file is named as the library's package, which is imported only when one of its networks is asked for, and has one name
in `__all__`: a function from a network's name to what builds it from in_channels, num_classes and image_size.
"""
