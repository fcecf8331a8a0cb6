"""Color charts in raw images: found, measured, fitted; what color.py stands on."""
