from .categories import CATEGORIES as CATEGORIES
from .categories import REFERENCES as REFERENCES
from .domain import DOMAIN as DOMAIN
from .generate import generate_events as generate_events
from .months import generate_month as generate_month
