from .errors import ConnectorError as ConnectorError
from .jsonlines import Imported as Imported
from .jsonlines import import_events as import_events
from .jsonlines import read_events as read_events
from .lines import Lines as Lines
