"""From frames to points of a photon transfer curve: what photon_transfer.py and dark.py stand on."""
