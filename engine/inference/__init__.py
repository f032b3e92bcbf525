"""Applying a trained network to whole volumes: tiles, normalisation, scores, label maps. Training is in `training`."""
