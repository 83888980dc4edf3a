"""Label tables: from the bytes of a file to the label and the split of each image."""
