"""The event log: what happened, in one ordered, immutable, verifiable sequence of Parquet files.

Here live the categories' schemas, appending, reading, sealing, following, and the tree of digests;
``FORMAT.md`` describes the files. What an event means to a newsroom does not live here: the log
knows no domain, and imports no other room.

Other rooms import from this package, which ``__init__.pyi`` lists, and from no module below it. A
name is loaded when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
