"""The pages of one document: what it says, its corrections, its versions, and why it is here.

Any domain's documents are shown by what their view declares; the newsroom's have templates of their
own over the same values. What somebody may see is decided in ``app.web.reading``.
"""
