-- What Debezium needs: a publication of the tables, and the right to read them.

-- A draft becomes an article by an UPDATE that touches its state only. So that the change tells the
-- body all the same, which may lie outside of the row, the whole old row goes into the database's log.
alter table article replica identity full;

create publication cms
  for table section, byline, tag, image, article, article_byline, article_tag, article_image;

grant select on all tables in schema public to cdc;
