"""The pages for readers, editors and operators: HTML that works without JavaScript.

No JSON for programs lives here; what they share with the API lives in ``app.web``.
"""
