"""What the setup pages check on the server when something is saved."""
