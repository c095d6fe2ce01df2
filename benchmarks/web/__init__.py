"""What the server takes to answer, beside others over the same documents."""
