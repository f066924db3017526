"""What lives and dies together."""
