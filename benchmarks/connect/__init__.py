"""How soon and how fast changes of tables come into the log, and events out of it."""
