"""Raw files in: `RawImage`, and how one is read safely."""
