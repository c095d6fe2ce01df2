"""``Act``: what an editor may do with an entity in its state, as the event that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.pages import strings

if TYPE_CHECKING:
    from event_log import Category, Effect, EventType
    from replay import Entity

NOTE = "note"
"""The annotation that readers see; a revision with one is a correction."""
CORRECTS = "-correction"


@dataclass(frozen=True)
class Act:
    """One thing to do: its event type, and what its form asks for."""

    key: str
    """The value in the form and in addresses: the type's name, with ``-correction`` for one."""
    type: str
    effect: Effect
    label: str
    has_fields: bool
    """Whether its form has the entity's fields; that of a removal has none."""
    required: tuple[str, ...]

    @property
    def corrects(self) -> bool:
        """Whether it is a revision of which the public is told."""
        return self.key.endswith(CORRECTS)


def acts_on(category: Category, entity: Entity) -> list[Act]:
    """What may be done with an entity now, what is done most often first.

    >>> from newsroom import DOMAIN
    >>> from replay import Entity
    >>> article = {each.name: each for each in DOMAIN.categories}["article"]
    >>> [act.label for act in acts_on(article, Entity("article/1", 1, 1, live=True))]
    ['Revise', 'Correct', 'Retract']
    """
    from event_log import Effect

    if entity.live:
        effects = [Effect.REVISES, Effect.REMOVES]
    elif entity.version and category.types_to_use(Effect.REINSTATES):
        effects = [Effect.REINSTATES]
    else:
        effects = [Effect.CREATES]
    usable = [t for effect in effects for t in category.types if t.effect is effect]
    return [act for t in usable if not t.retired for act in _acts(t, category)]


def chosen_act(acts: list[Act], key: str | None) -> Act | None:
    """The act of this key; the first one where there is none of it, ``None`` without any."""
    return next((act for act in acts if act.key == key), acts[0] if acts else None)


def _acts(event_type: EventType, category: Category) -> list[Act]:
    from event_log import Effect

    effect, name = event_type.effect, event_type.name
    has_fields = effect is not Effect.REMOVES
    plain = Act(
        name, name, effect, act_label(event_type, category), has_fields, event_type.required
    )
    if effect is not Effect.REVISES or NOTE not in category.annotations.names:
        return [plain]
    required = (*event_type.required, NOTE)
    label = strings.text("desk_correct")
    return [plain, Act(name + CORRECTS, name, effect, label, has_fields, required)]


def act_label(event_type: EventType, category: Category) -> str:
    """What an act is called: by the catalogue, else by the words of its type's name."""
    from replay import verb

    known = strings.TEXTS.get(f"desk_act_{event_type.name}")
    return known or verb(event_type, category).capitalize()
