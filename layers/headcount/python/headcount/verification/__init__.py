"""Whether a run kept what is promised: properties checked over its events, room by room."""
