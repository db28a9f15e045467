"""The commands of `image-cluster`, a file for each group of them."""
