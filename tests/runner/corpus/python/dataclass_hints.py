import dataclasses
import enum
import typing


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass(order=True)
class Item:
    name: str
    color: "Color" = Color.RED
    tags: list = dataclasses.field(default_factory=list)


print(Item("a"), Item("a") < Item("b"), typing.get_type_hints(Item), dataclasses.asdict(Item("c")))
