-- What `pgsync --analyze` asks for, and what a change of one entity looks up.
CREATE INDEX ON section (parent_id);
CREATE INDEX ON image (photographer_id);
CREATE INDEX ON article (section_id);
CREATE INDEX ON article_byline (byline_id);
CREATE INDEX ON article_image (image_id);
CREATE INDEX ON article_tag (tag_id);
VACUUM ANALYZE;
