"""splunkd's REST endpoints, one module per family."""
