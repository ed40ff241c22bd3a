"""Shown: what of a workspace leaves it whole: images for a model, folders for whoever downloads them."""
