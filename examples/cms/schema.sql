-- The tables of a small CMS, as many a newspaper has them: what a row refers to is a foreign key,
-- and a list is a table of its own, with an ordinal where its order matters.

create table section (
  id          integer generated always as identity primary key,
  name        text not null unique,
  parent_id   integer references section,
  description text
);

create table byline (
  id   integer generated always as identity primary key,
  name text not null,
  role text,
  bio  text
);

create table tag (
  id   integer generated always as identity primary key,
  name text not null unique,
  kind text not null check (kind in ('person', 'place', 'organization', 'subject', 'work'))
);

create table image (
  id              integer generated always as identity primary key,
  path            text not null check (path like '/%'),
  caption         text,
  credit          text,
  photographer_id integer references byline,
  taken_on        date,
  alt_text        text
);

create table article (
  id           bigint generated always as identity primary key,
  slug         text not null unique,
  state        text not null default 'draft' check (state in ('draft', 'published', 'withdrawn')),
  headline     text not null,
  abstract     text,
  body         text,
  section_id   integer references section,
  published_at timestamptz,
  word_count   integer not null default 0,
  edited_at    timestamptz not null default now(),
  check (state <> 'published' or published_at is not null)
);

create table article_byline (
  article_id bigint references article on delete cascade,
  byline_id  integer references byline,
  ordinal    integer not null,
  primary key (article_id, byline_id)
);

create table article_tag (
  article_id bigint references article on delete cascade,
  tag_id     integer references tag,
  primary key (article_id, tag_id)
);

create table article_image (
  article_id bigint references article on delete cascade,
  image_id   integer references image,
  ordinal    integer not null,
  primary key (article_id, image_id)
);

-- The database keeps these two columns itself, whatever program changes an article.
create function note_edit() returns trigger language plpgsql as $$
begin
  new.word_count := coalesce(array_length(regexp_split_to_array(trim(new.body), '\s+'), 1), 0);
  new.edited_at := now();
  return new;
end $$;

create trigger note_edit before insert or update on article
  for each row execute function note_edit();
