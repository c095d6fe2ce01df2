"""What happens in a database while `capture.py` keeps the messages that Debezium makes of it.

Each is small and shows one thing that whoever reads such messages must know.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psycopg

SECONDS_TO_READ_A_TABLE = 20


def _interleaved(database: str) -> None:
    """Two transactions at once, of which the one that began first ends last; a third is undone."""
    with (
        psycopg.connect(database) as first,
        psycopg.connect(database) as second,
        psycopg.connect(database) as undone,
    ):
        first.execute("insert into article (id, headline) values (1, 'first began')")
        second.execute("insert into byline values (1, 'Ida B. Wells')")
        undone.execute("insert into article (id, headline) values (9, 'never was')")
        second.execute("insert into article (id, headline) values (2, 'second ended first')")
        undone.rollback()
        first.execute("insert into byline values (2, 'Nellie Bly')")
        first.execute("insert into byline_of values (1, 2, 1)")
        second.execute("insert into byline_of values (2, 1, 1)")
        second.commit()
        first.execute("update article set headline = 'first ended last' where id = 1")
        first.commit()


def _part_undone(database: str) -> None:
    """A transaction of which a part is undone: its changes never come, and leave no number."""
    with psycopg.connect(database) as connection:
        connection.execute("insert into byline values (3, 'kept')")
        with contextlib.suppress(psycopg.errors.UniqueViolation), connection.transaction():
            connection.execute("insert into byline values (4, 'undone')")
            connection.execute("insert into byline values (3, 'there already')")
        connection.execute("insert into byline values (5, 'kept too')")


def _copied(database: str) -> None:
    """Lines that are copied in share a position in the source's log."""
    with (
        psycopg.connect(database, autocommit=True) as connection,
        connection.cursor().copy("copy byline from stdin") as copying,
    ):
        for number in range(10, 14):
            copying.write_row((number, f"copied {number}"))


def _read_again(database: str) -> None:
    """Ask for the table to be read again, and change it meanwhile."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "insert into debezium_signal values ('again', 'execute-snapshot',"
            """ '{"data-collections": ["public.article"], "type": "incremental"}')"""
        )
        connection.execute("update article set headline = 'meanwhile' where id = 2")
        time.sleep(2)
        connection.execute("update article set headline = 'afterwards' where id = 3")


Step = str | Callable[[str], None]


@dataclass(frozen=True)
class Scenario:
    """What there is before anybody follows, and what happens then."""

    name: str
    schema: str
    steps: tuple[Step, ...]
    tables: tuple[str, ...] = ("public.article",)
    settings: Mapping[str, str] = field(default_factory=dict)
    one_topic: bool = True
    with_schemas: bool = False
    """Whether it is captured a second time, with a schema in each message."""


ARTICLE = """
create table article (
  id bigint primary key,
  headline text not null,
  body text,
  word_count integer not null default 0,
  published_at timestamptz,
  tags text[] not null default '{}'
);
"""
BYLINES = """
create table byline (id bigint primary key, name text not null);
create table byline_of (
  article_id bigint references article, byline_id bigint references byline, ordinal integer,
  primary key (article_id, byline_id)
);
"""
CMS = ("public.article", "public.byline", "public.byline_of")
LIFE = (
    "insert into article values (1, 'Two Planes', null, 3, '1851-09-18 05:00Z', '{a,b}')",
    "insert into article (id, headline) values (2, 'A Fire')",
    "update article set headline = 'Three Planes', word_count = word_count + 1 where id = 1",
    "update article set headline = headline where id = 1",
    "update article set id = 7 where id = 2",
    "delete from article where id = 1",
    "insert into article (id, headline) values (1, 'Again')",
)
EXTERNAL = """
create table article (
  id bigint primary key, headline text not null, body text, picture bytea, tags text[],
  counts integer[], more jsonb, more_text json
) with (toast_tuple_target = 128);
alter table article
  alter body set storage external, alter picture set storage external,
  alter tags set storage external, alter counts set storage external,
  alter more set storage external, alter more_text set storage external;
"""
LONG = """
insert into article values (
  1, 'long', repeat('body ', 150), decode(repeat('00ff', 200), 'hex'),
  array_fill('tag'::text, array[60]), array_fill(7, array[60]),
  jsonb_build_object('long', repeat('json ', 150)), json_build_object('long', repeat('json ', 150))
)
"""
TYPES = """
create extension if not exists hstore;
create type mood as enum ('calm', 'stirred');
create domain percent as integer check (value between 0 and 100);
create table everything (
  id bigint primary key,
  a_smallint smallint, an_integer integer, a_bigint bigint,
  a_numeric numeric(10, 2), a_free_numeric numeric, a_money money,
  a_real real, a_double double precision, a_boolean boolean,
  a_text text, a_varchar varchar(10), a_char char(5), an_enum mood, a_domain percent,
  a_uuid uuid, a_date date, a_time time, a_timetz timetz,
  a_timestamp timestamp, a_timestamp_ms timestamp(3), a_timestamptz timestamptz,
  an_interval interval,
  a_json json, a_jsonb jsonb, an_hstore hstore, an_xml xml,
  a_bytea bytea, a_bit bit(1), some_bits bit varying(10),
  an_inet inet, a_cidr cidr, a_macaddr macaddr, a_point point, a_range int4range,
  texts text[], integers integer[], dates date[], numerics numeric(6, 2)[], nested integer[][],
  a_tsvector tsvector,
  with_default text default 'the default', number_with_default integer not null default 5
);
"""
EVERYTHING = """
insert into everything values (
  {id}, -32768, 2147483647, 9007199254740993,
  99.90, 12345678901234567890.000000001, 12.34,
  0.1, 0.1, true,
  'Zoë “quoted” \\ \n 🗞', 'short', 'pad', 'stirred', 100,
  'b7306f5e-cfa6-4067-bc0e-b0dc4ea11fe0', '2026-01-02', '23:59:59.123456', '12:00:00+02',
  '2026-01-02 03:04:05.123456', '2026-01-02 03:04:05.123', '2026-01-02 03:04:05.123456+02',
  '1 year 2 months 3 days 04:05:06.789',
  '{{"b": 1,  "a": [null, 1.50]}}', '{{"b": 1,  "a": [null, 1.50]}}', 'a=>1, b=>NULL', '<a>b</a>',
  '\\x00ff10', B'1', B'10101',
  '192.168.0.1/24', '10.0.0.0/8', '08:00:2b:01:02:03', '(1.5,2)', '[1,5)',
  array['a', null, 'b "quoted"'], array[1, 2, null], array['2026-01-02'::date], array[1.50, 2],
  array[[1, 2], [3, 4]],
  'a fat cat',
  null, 6
)
"""
EDGES = """
insert into everything (id, a_date, a_timestamp, a_timestamptz, a_numeric, a_double, a_real, a_text)
values
  (2, '1851-09-18', '1851-09-18 05:00:00', '1851-09-18 05:00:00Z', -0.01, 'NaN', '-Infinity', ''),
  (3, 'infinity', 'infinity', 'infinity', 'NaN', 'Infinity', 1e-30, 'infinite'),
  (4, '-infinity', '-infinity', '-infinity', 0, -0.0, 0, 'before all'),
  (5, '0044-03-15 BC', '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00Z BC', 1, 1, 1, 'the Ides'),
  (6, '9999-12-31', '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999Z', 1, 1, 1, 'late')
"""
OUTBOX = """
create table outbox (
  id uuid primary key, aggregatetype varchar(255) not null, aggregateid varchar(255) not null,
  type varchar(255) not null, payload jsonb, made_at timestamptz not null default now()
);
"""
TOLD = (
    "insert into outbox values ('6f1c0b5a-0000-4000-8000-000000000001', 'article', 'two-planes',"
    """ 'ArticlePublished', '{"headline": "Two Planes", "abstract": "By night."}');"""
    "delete from outbox",  # in one transaction: the usual way to keep such a table empty
    "insert into outbox values ('6f1c0b5a-0000-4000-8000-000000000002', 'article', 'two-planes',"
    """ 'ArticleRetracted', '{}')""",
)
ROUTER = {
    "transforms": "event",
    "transforms.event.type": "io.debezium.transforms.outbox.EventRouter",
    "transforms.event.table.fields.additional.placement": "type:header:eventType",
    "transforms.event.route.topic.replacement": "{topic}.outbox",
    "provide.transaction.metadata": "false",
}

SCENARIOS = (
    Scenario("default_identity", ARTICLE, LIFE, with_schemas=True),
    Scenario("full_identity", ARTICLE + "alter table article replica identity full;", LIFE),
    Scenario(
        "toast",
        EXTERNAL,
        (
            LONG,
            "update article set headline = 'still long' where id = 1",
            "update article set body = 'short' where id = 1",
            "update article set id = 2 where id = 1",
            "delete from article",
        ),
        with_schemas=True,
    ),
    Scenario(
        "toast_full",
        EXTERNAL + "alter table article replica identity full;",
        (LONG, "update article set headline = 'still long' where id = 1", "delete from article"),
    ),
    Scenario(
        "truncate",
        ARTICLE + BYLINES,
        (
            "insert into article (id, headline) values (1, 'a'), (2, 'b')",
            "insert into byline values (1, 'Ida B. Wells'); insert into byline_of values (1, 1, 1)",
            "truncate article cascade",
            "insert into article (id, headline) values (3, 'after')",
        ),
        CMS,
    ),
    Scenario(
        "no_primary_key",
        "create table note (article_id bigint, said text); alter table note replica identity full;",
        (
            "insert into note values (1, 'once'), (1, 'twice'), (1, 'twice')",
            "update note set said = 'changed' where said = 'once'",
            "delete from note where said = 'twice'",
        ),
        ("public.note",),
    ),
    Scenario(
        "types",
        TYPES,
        (
            EVERYTHING.format(id=1),
            EDGES,
            "update everything set with_default = 'given' where id = 1",
            "delete from everything where id = 1",
        ),
        ("public.everything",),
        with_schemas=True,
    ),
    Scenario(
        "other_forms",
        TYPES,
        (EVERYTHING.format(id=1),),
        ("public.everything",),
        {  # what Debezium does when nobody sets anything
            "decimal.handling.mode": "precise",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "false",
            "value.converter.replace.null.with.default": "true",
        },
        with_schemas=True,
    ),
    Scenario(
        "schema_change",
        ARTICLE,
        (
            "insert into article (id, headline) values (1, 'before')",
            "alter table article add column kicker text default 'none'",
            "insert into article (id, headline, kicker) values (2, 'one more', 'Extra')",
            "update article set word_count = 1 where id = 1",
            "alter table article rename column headline to title",
            "update article set title = 'renamed' where id = 1",
            "alter table article drop column tags",
            "update article set title = 'one less' where id = 1",
            "alter table article alter word_count type text",
            "update article set word_count = 'two' where id = 1",
        ),
        with_schemas=True,
    ),
    Scenario(
        "snapshot",
        ARTICLE
        + BYLINES
        + "insert into article (id, headline) values (1, 'a'), (2, 'b'), (3, 'c');"
        "insert into byline values (1, 'Ida B. Wells'), (2, 'Nellie Bly');"
        "insert into byline_of values (1, 2, 1), (1, 1, 2), (2, 1, 1);",
        ("update article set headline = 'streamed' where id = 1",),
        CMS,
        with_schemas=True,
    ),
    Scenario(
        "incremental_snapshot",
        ARTICLE + "create table debezium_signal"
        " (id text primary key, type text not null, data text);"
        "insert into article (id, headline) values (1, 'a'), (2, 'b'), (3, 'c');",
        ("insert into article (id, headline) values (4, 'd')", _read_again),
        settings={"snapshot.mode": "no_data"},
    ),
    Scenario(
        "transactions",
        ARTICLE + BYLINES,
        (_interleaved, _part_undone, _copied),
        CMS,
        with_schemas=True,
    ),
    Scenario("many_topics", ARTICLE + BYLINES, (_interleaved,), CMS, one_topic=False),
    Scenario(
        "messages",
        ARTICLE,
        (
            "begin; insert into article (id, headline) values (1, 'a');"
            """ select pg_logical_emit_message(true, 'article/a', '{"headline": "Zoë"}'); commit""",
            "select pg_logical_emit_message(false, 'alone', 'text')",
            "select pg_logical_emit_message(true, 'alone', decode('00ff', 'hex'))",
        ),
    ),
    Scenario("outbox_table", OUTBOX, TOLD, ("public.outbox",)),
    Scenario("outbox_routed", OUTBOX, TOLD, ("public.outbox",), ROUTER, with_schemas=True),
    Scenario(
        "heartbeats",
        ARTICLE,
        (
            "insert into article (id, headline) values (1, 'a')",
            "select pg_sleep(0.5)",
            "update article set headline = 'b' where id = 1",
        ),
        settings={
            "heartbeat.interval.ms": "200",
            "transforms.one.regex": "(__debezium-heartbeat\\.)?{topic}.*",
        },
    ),
)
