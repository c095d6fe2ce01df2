"""The HTTP API below ``/api/v1``: JSON for programs, thin over ``archive``.

No HTML lives here; what it shares with the pages lives in ``app.web``.
"""
