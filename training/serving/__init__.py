"""What runs on the endpoint."""
