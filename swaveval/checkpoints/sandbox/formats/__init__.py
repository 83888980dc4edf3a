"""What checkpoint files are made of: formats (`container`), safe unpickling (`torch_files`), objects left inert."""
