"""From one color per photosite to three: the methods, for tensors and, beside them, as CPU kernels."""
