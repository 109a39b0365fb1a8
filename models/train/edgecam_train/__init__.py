"""Makes edgecam's own models: from photographs and partial boxes to a small int8 detector."""
