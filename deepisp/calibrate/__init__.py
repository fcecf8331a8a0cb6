"""Measured frames to what is known of a sensor: photon transfer, darks, flats, color."""
