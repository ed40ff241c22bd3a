"""JavaScript package with the libraries of others, in Chromium: pages that use the packed package and nothing of the product else."""
