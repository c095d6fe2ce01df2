"""The settings that there are: the name, the form, the default and the meaning of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """The form of a setting's value: a pattern, and whether TOML writes it as a number."""

    pattern: str
    number: bool = False

    def takes(self, text: str) -> bool:
        """Return whether a text has this form."""
        return re.fullmatch(self.pattern, text, re.DOTALL) is not None


TEXT = Kind(".+")
PATH = Kind(r".*\S.*")
WHOLE = Kind(r"[0-9]+", number=True)
COUNT = Kind(r"0*[1-9][0-9]*", number=True)
NUMBER = Kind(r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|inf", number=True)
COLOUR = Kind(r"#[0-9a-fA-F]{6}")
OPEN = Kind(r"open|closed")
ADDRESS = Kind(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
PERCENT = Kind(r"[0-9]{1,2}(\.[0-9]*)?|\.[0-9]+|100(\.0*)?", number=True)
MEMORY = Kind(r"[0-9]+(\.[0-9]+)? ?(MB|GB|MiB|GiB)")
MONTH = Kind(r"[0-9]{4}-(0[1-9]|1[0-2])")
PROTOCOL = Kind(r"PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL")


@dataclass(frozen=True)
class Setting:
    """One setting: its name, the form of its value, its default, and what it is for.

    ``takes`` and ``example`` complete "give ..., such as ..." in a message. A default of None is
    determined when it is needed, or means that there is none; ``otherwise`` describes it.
    """

    name: str
    kind: Kind
    default: str | None
    meaning: str
    room: str
    takes: str = "a text"
    example: str | None = None
    otherwise: str = "not set"
    secret: bool = False

    @property
    def allowed(self) -> str:
        """The valid values, in words.

        >>> SETTINGS["STET_THREADS"].allowed
        'a whole number, 1 or more, such as 4'
        """
        example = self.example or self.default
        return f"{self.takes}, such as {example}" if example else self.takes


_LAG = "a whole number"
_ALL = (
    Setting("STET_HOME", PATH, "stet-home",
            "The archive's home: a folder, or a URL such as s3://bucket/prefix.",
            "app, pipelines", "a folder or a URL"),
    Setting("STET_CONFIG", PATH, None,
            "The settings file to use instead of the one in the home.",
            "app, pipelines", "a path", "/etc/stet.toml", otherwise="stet.toml in the home"),
    Setting("STET_DOMAIN", TEXT, None,
            "The domain of an archive: a name, or module:NAME.",
            "app, pipelines", "a domain's name, or module:NAME", "examples.orders:DOMAIN",
            otherwise="the archive's, else newsroom"),
    Setting("STET_THREADS", COUNT, None,
            "Threads for computing views, reading, verifying and indexing.",
            "event_log, replay, search", "a whole number, 1 or more", "4",
            otherwise="the processors that the process may use"),
    Setting("STET_MEMORY", MEMORY, None,
            "Memory that DuckDB may use for one build or one kept state.",
            "replay, search", "an amount of memory in MB, GB, MiB or GiB", "1GB",
            otherwise="an eighth of the machine's or the container's"),
    Setting("STET_CACHE", PATH, None,
            "The folder for copies of files from an object store, for what is computed from an"
            " archive that may only be read, and for the SQL of views.",
            "archive, event_log, replay", "a folder", "/var/cache/stet",
            otherwise="~/.cache/stet"),
    Setting("STET_CLOCK_AHEAD", NUMBER, "86400",
            "Seconds that the log's last event may be ahead of the clock of who appends.",
            "event_log", "a number of seconds, or inf"),
    Setting("STET_SEARCH", TEXT, "embedded",
            "The URL of the Elasticsearch cluster to search with, or embedded.",
            "search", "a URL, or embedded", "https://search.example:9200"),
    Setting("STET_SEARCH_API_KEY", TEXT, None,
            "The API key for the cluster.", "search", "an API key", secret=True),
    Setting("STET_SEARCH_USER", TEXT, None,
            "The user name for the cluster, if there is no API key.", "search", "a user name"),
    Setting("STET_SEARCH_PASSWORD", TEXT, None,
            "That user's password.", "search", "a password", secret=True),
    Setting("STET_SEARCH_CA", PATH, None,
            "The certificate of the authority that signed the cluster's certificate.",
            "search", "a file", "ca.pem", otherwise="the system's authorities"),
    Setting("STET_SEARCH_PREFIX", TEXT, "stet",
            "The beginning of all index names; archives that share a cluster need different ones.",
            "search", "lower case letters, digits, - and _"),
    Setting("STET_SEARCH_PATIENCE", NUMBER, "600",
            "Seconds that a load waits for a cluster that is away or busy.",
            "search", "a number of seconds"),
    Setting("STET_SEARCH_REPLICAS", WHOLE, None,
            "Copies of each live index.", "search", "a whole number", "1",
            otherwise="1 where there is a second node, else 0"),
    Setting("STET_KAFKA", TEXT, "127.0.0.1:9092",
            "The addresses of the Kafka cluster.",
            "connectors", "addresses with their ports, separated by commas",
            "kafka.example:9092"),
    Setting("STET_KAFKA_PROTOCOL", PROTOCOL, None,
            "How clients talk to the cluster.",
            "connectors", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", "SASL_SSL",
            otherwise="PLAINTEXT"),
    Setting("STET_KAFKA_MECHANISM", TEXT, None,
            "How a client proves who it is, with SASL.",
            "connectors", "the name of a mechanism", "SCRAM-SHA-512"),
    Setting("STET_KAFKA_USER", TEXT, None,
            "The user name for the cluster, with SASL.", "connectors", "a user name"),
    Setting("STET_KAFKA_PASSWORD", TEXT, None,
            "That user's password.", "connectors", "a password", secret=True),
    Setting("STET_KAFKA_CA", PATH, None,
            "The certificate of the authority that signed the cluster's certificate.",
            "connectors", "a file", "ca.pem", otherwise="the system's authorities"),
    Setting("STET_KAFKA_CERTIFICATE", PATH, None,
            "The certificate (PEM) by which the cluster knows this client.",
            "connectors", "a file", "client.pem"),
    Setting("STET_KAFKA_KEY", PATH, None,
            "The private key (PEM) of that certificate.", "connectors", "a file", "client.key"),
    Setting("STET_KAFKA_KEY_PASSWORD", TEXT, None,
            "The password of that key.", "connectors", "a password", secret=True),
    Setting("STET_CONNECT", TEXT, None,
            "The files of the connectors that Dagster shows, for `stet connect`.",
            "pipelines", "files, separated by commas", "cms.yaml, shop.yaml", otherwise="none"),
    Setting("STET_DEAD_LETTERS", PERCENT, "0.1",
            "The percentage of a view's documents that may be dead letters.",
            "app, pipelines", "a percentage from 0 to 100"),
    Setting("STET_PAST_MB", WHOLE, "5000",
            "Megabytes that all indexes of the past may take on disk.",
            "archive", "a number of megabytes"),
    Setting("STET_ALERT_COMMAND", TEXT, None,
            "The command that gets a JSON object when a run fails.",
            "archive", "a command", "mail-operator"),
    Setting("STET_BACKFILL_FROM", MONTH, "2025-01",
            "The first month of the job backfill.", "pipelines", "a month"),
    Setting("STET_LAG_WARN_EVENTS", WHOLE, "1000",
            "A lag of more events is a warning.", "pipelines", _LAG),
    Setting("STET_LAG_ERROR_EVENTS", WHOLE, "100000",
            "A lag of more events is an error.", "pipelines", _LAG),
    Setting("STET_LAG_WARN_SECONDS", WHOLE, "300",
            "A lag of more seconds is a warning.", "pipelines", _LAG),
    Setting("STET_LAG_ERROR_SECONDS", WHOLE, "3600",
            "A lag of more seconds is an error.", "pipelines", _LAG),
    Setting("STET_SEAL_COMMITS", WHOLE, "500",
            "The schedule seals the log when more commits are open.",
            "pipelines", "a number of commits"),
    Setting("STET_READING", OPEN, None,
            "Whether the server shows documents to who is not logged in.",
            "app", "open or closed", "closed", otherwise="open on the loopback address"),
    Setting("STET_SITE_URL", ADDRESS, None,
            "The public address of the server, for links in feeds, sitemaps and citations.",
            "app", "a URL", "https://archive.example.org", otherwise="as a request has it"),
    Setting("STET_SITE_NAME", TEXT, "Stet",
            "The newspaper's name, on each page.", "app", "a name", "The Daily Planet"),
    Setting("STET_SITE_LOGO", PATH, None,
            "The newspaper's logo: a file (SVG, PNG, JPEG or WebP).",
            "app", "a file", "logo.svg", otherwise="the name alone"),
    Setting("STET_SITE_COLOUR", COLOUR, None,
            "The colour of links and marks.", "app", "a colour as #rrggbb", "#7a1f1f",
            otherwise="that of the style sheet"),
    Setting("STET_SITE_LINKS", TEXT, None,
            "Links in the footer: label=address, separated by semicolons.",
            "app", "labels with addresses",
            "Privacy=https://example.org/privacy; Contact=/contact", otherwise="none"),
    Setting("STET_TEMPLATES", PATH, None,
            "A folder of templates that replace those of the same name.",
            "app", "a folder", "/etc/stet/templates", otherwise="none"),
    Setting("STET_PICTURE_HOSTS", TEXT, None,
            "The hosts that pages load pictures from, separated by commas; or *.",
            "app", "names of hosts", "images.example.org, *.example.com", otherwise="none"),
    Setting("STET_DAGSTER_URL", ADDRESS, None,
            "The address of the Dagster UI, for links on the operator's page.",
            "app", "a URL", "http://127.0.0.1:3000", otherwise="no links"),
    Setting("STET_QUERY_SECONDS", NUMBER, "10",
            "Seconds after which the server ends a request that is still computed.",
            "app", "a number of seconds"),
    Setting("STET_BODY_KB", COUNT, "4096",
            "Kilobytes that the body of a request may have.", "app", "a number of kilobytes"),
    Setting("STET_REQUESTS_A_MINUTE", WHOLE, "1200",
            "Requests that one client may make in a minute; 0 for any number.",
            "app", "a whole number"),
    Setting("STET_PAST_AN_HOUR", WHOLE, "20",
            "Indexes of the past that one reader may have built in an hour; 0 for any number.",
            "app", "a whole number"),
    Setting("STET_EXPORT_DOCUMENTS", COUNT, "100000",
            "Documents that one export over HTTP has at most.", "app", "a whole number"),
    Setting("STET_SESSION_HOURS", COUNT, "12",
            "Hours after which who logged in has to log in again.", "app", "a number of hours"),
)  # fmt: skip
SETTINGS: Mapping[str, Setting] = {setting.name: setting for setting in _ALL}
