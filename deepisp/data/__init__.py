"""Training pairs: data sets, and pictures turned into what a sensor would have made of them."""
