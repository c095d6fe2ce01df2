-- A few articles, as the desk has written them.

insert into section (name, parent_id, description) values
  ('Harbour', null, 'Ships, cargoes and the people who live by them'),
  ('City', null, null),
  ('Courts', 2, 'What the magistrates heard');

insert into byline (name, role, bio) values
  ('Eliza Crane', 'Harbour correspondent', 'Came to the paper from the pilots'' office.'),
  ('Tomas Reyes', 'Reporter', null),
  ('Ada Lindqvist', 'Photographer', null);

insert into tag (name, kind) values
  ('Whaling', 'subject'), ('Lighthouses', 'subject'), ('Fires', 'subject'),
  ('North Pier', 'place'), ('Harbour Board', 'organization');

insert into image (path, caption, photographer_id, taken_on, alt_text) values
  ('/images/north-pier.jpg', 'The North Pier after the storm', 3, '1891-10-04', 'A broken pier'),
  ('/images/warehouse.jpg', 'What was left of the warehouse', 3, '1891-11-18', 'Smoking ruins');

insert into article (slug, state, headline, abstract, body, section_id, published_at) values
  ('storm-takes-north-pier', 'published', 'Storm Takes the North Pier',
   'Sixty feet of timber are gone; no lives were lost.',
   'The gale that came up on Saturday night carried away sixty feet of the North Pier. '
   'The keeper of the light saw it go, and rang the bell until morning.',
   1, '1891-10-05 06:00Z'),
  ('warehouse-burns', 'published', 'Warehouse Burns on Cooper Street',
   'Oil for four hundred lamps feeds the fire.',
   'The fire began among the barrels at nine, and by midnight the roof had fallen in. '
   'Whale oil ran burning down Cooper Street to the water.',
   2, '1891-11-19 06:00Z'),
  ('board-votes-for-iron', 'published', 'Harbour Board Votes for Iron',
   null,
   'By five votes to four the Harbour Board will have the pier rebuilt in iron.',
   1, '1891-12-02 06:00Z'),
  ('the-last-whaler', 'draft', 'The Last Whaler', null,
   'Nobody has signed on for the spring. Her log, which the owner has lent us, ends so. '
   || (select string_agg(format('Day %s: wind %s, glass %s.', n, n * 7919 % 360, n * 104729 % 9973), ' ')
       from generate_series(1, 400) as n),
   1, null);

insert into article_byline values (1, 1, 1), (2, 2, 1), (2, 1, 2), (3, 1, 1), (4, 1, 1);
insert into article_tag values (1, 4), (1, 2), (2, 3), (2, 1), (3, 4), (3, 5), (4, 1);
insert into article_image values (1, 1, 1), (2, 2, 1);
