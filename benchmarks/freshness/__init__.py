"""How soon a change is searched, and what it costs."""
