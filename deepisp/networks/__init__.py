"""Networks, one a file, and the weights that come with deepisp. They stand on torch alone."""
