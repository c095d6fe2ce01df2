from newsroom import DOMAIN
from replay.checks import Unresolved, unresolved, unresolved_references


def test_references_to_what_never_came_are_counted_by_field_and_id(newsroom, article):
    newsroom.tell(
        ("tag/here", "TagDefined", {"name": "Here"}),
        ("tag/gone", "TagDefined", {"name": "Gone"}),
        ("tag/gone", "TagRemoved", {}),
        article("1", tag_ids=["tag/here", "tag/gone", "tag/x", "tag/x"], section_id="section/x"),
        article("2", tag_ids=["tag/x"], byline_ids=["byline/x"]),
        article("3", tag_ids=["tag/x"]),
        ("article/3", "ArticleRetracted", {}),
        ("image/1", "ImageAdded", {"url": "u", "photographer_id": "byline/x"}),
    )
    assert unresolved(newsroom.state(), DOMAIN.references).to_pyarrow().to_pylist() == [
        {"category": "article", "field": "tag_ids", "id": "tag/x", "count": 2},
        {"category": "article", "field": "byline_ids", "id": "byline/x", "count": 1},
        {"category": "article", "field": "section_id", "id": "section/x", "count": 1},
        {"category": "image", "field": "photographer_id", "id": "byline/x", "count": 1},
    ]
    newsroom.tell(("byline/x", "BylineRegistered", {"name": "X"}))
    assert unresolved(newsroom.state(), DOMAIN.references).count().to_pyarrow().as_py() == 2
    assert unresolved_references(newsroom.state(), DOMAIN.references) == [
        Unresolved("article", "tag_ids", "tag/x", 2),
        Unresolved("article", "section_id", "section/x", 1),
    ]
