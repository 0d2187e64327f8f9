"""Programs with one coupling row, or none: exact prices by breakpoints, the core by counting."""
