-- The newsroom's state as a relational archive would keep it; a view's document is a join of these.
CREATE TABLE section (
    id text PRIMARY KEY,
    name text,
    parent_id text REFERENCES section
);
CREATE TABLE byline (
    id text PRIMARY KEY,
    name text,
    title text
);
CREATE TABLE tag (
    id text PRIMARY KEY,
    name text,
    kind text
);
CREATE TABLE image (
    id text PRIMARY KEY,
    url text,
    caption text,
    credit text,
    alt_text text,
    width bigint,
    height bigint,
    photographer_id text REFERENCES byline
);
CREATE TABLE article (
    id text PRIMARY KEY,
    headline text,
    kicker text,
    abstract text,
    body text,
    url text,
    published_at timestamptz,
    updated_at timestamptz,
    section_id text REFERENCES section,
    language text,
    source text,
    word_count bigint,
    version bigint
);
CREATE TABLE article_byline (
    article_id text REFERENCES article,
    position int,
    byline_id text REFERENCES byline,
    PRIMARY KEY (article_id, position)
);
CREATE TABLE article_image (
    article_id text REFERENCES article,
    position int,
    image_id text REFERENCES image,
    PRIMARY KEY (article_id, position)
);
CREATE TABLE article_tag (
    article_id text REFERENCES article,
    position int,
    tag_id text REFERENCES tag,
    PRIMARY KEY (article_id, position)
);

-- PGSync (7.3.0) takes a table that refers to itself for its own parent: each section would be its
-- own. Under another name the documents are right, but a parent's new name does not reach the
-- articles of its children, as PGSync sees no changes of a view.
CREATE VIEW section_above AS SELECT id, name FROM section;
