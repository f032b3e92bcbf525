"""Training of networks: where patches are cut, how they are varied, what is minimised, and the loop around it."""
