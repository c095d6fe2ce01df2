from .errors import ConnectorError as ConnectorError
from .importing import Imported as Imported
from .importing import import_source as import_source
from .jsonlines import import_events as import_events
from .jsonlines import read_events as read_events
from .lines import Lines as Lines
from .nyt_archive.month import import_month as import_month
from .source import Source as Source
