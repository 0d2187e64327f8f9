"""Integer columns beside the assignment: generalised Benders decomposition."""
