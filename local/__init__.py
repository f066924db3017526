"""The embedded AWS, a building that answers it, and scenes for its cameras."""
