"""Pictures out: formats, color profiles, EXIF; every file whole or absent."""
