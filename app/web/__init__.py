"""What the API and the pages share: who asks, what they may do, and how an error is told.

No page and no route of the API lives here. It calls ``archive``, as the commands do.
"""
