"""From pydantic's errors to sentences a person can act on, each with the key it is about.

No sentence quotes a value. Where a key stands in the file is found by ``document``.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from retrust.errors import InventoryError
from retrust.inventory.document import Document, Loc, dotted

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)
Problem = tuple[Loc, str]


def problems_of(error: ValidationError, kind: Any, above: Loc) -> Iterator[Problem]:
    """Every problem of one validation; rules between keys were joined into one error and are taken apart."""
    details = error.errors(include_url=False)
    for detail in details:
        loc = detail["loc"]
        if detail["type"] == "too_short" and any(
            other is not detail and other["loc"][: len(loc)] == loc for other in details
        ):
            continue  # its entries are wrong, which is told already
        if detail["type"] == "rules":
            for below, text in detail["ctx"]["found"]:
                yield (*above, *loc, *below), text
        else:
            yield (*above, *loc), _sentence(detail, kind)


def _sentence(detail: ErrorDetails, root: Any) -> str:
    kind, value, ctx = detail["type"], detail["input"], detail.get("ctx", {})
    match kind:
        case "extra_forbidden":
            known = _model_at(root, detail["loc"][:-1])
            return f"unknown key{close(detail['loc'][-1], _keys(known))}"
        case "missing":
            return "is missing"
        case "value_error" | "assertion_error":
            return str(ctx["error"])
        case "literal_error" | "enum":
            return f"must be {ctx['expected'].replace(chr(39), '')}"
        case "greater_than_equal":
            return f"must be at least {ctx['ge']}"
        case "less_than_equal":
            return f"must be at most {ctx['le']}"
        case "too_short":
            return "must name at least one"
        case "string_too_short":
            return "must not be empty"
    return _type_sentence(kind, value, detail["msg"])


def _type_sentence(kind: str, value: Any, message: str) -> str:
    if value is None and kind.endswith("_type"):
        return "is empty: give a value, or leave the key out"
    if kind.startswith(("int", "float")):
        digits = isinstance(value, str) and value.isdigit()
        return "must be a number: leave out the quotes" if digits else "must be a whole number"
    if kind.startswith("bool"):
        worded = isinstance(value, str) and value.lower() in ("yes", "no", "on", "off", "true", "false")
        return "must be true or false" + (": other words, and words in quotes, are text" if worded else "")
    if kind == "string_type":
        scalar = isinstance(value, (int, float))
        return "must be text: put it in quotes" if scalar else f"must be text, not a {_noun(value)}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return "must be a mapping of keys"
    if kind in ("tuple_type", "list_type"):
        return "must be a list"
    return message


def _noun(value: Any) -> str:
    return "mapping" if isinstance(value, dict) else "list"


def close(word: Any, known: Iterable[str]) -> str:
    """``; did you mean …?`` where something known is near."""
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else ""


def _keys(model: type[BaseModel] | None) -> list[str]:
    return [] if model is None else [field.alias or name for name, field in model.model_fields.items()]


def _model_at(root: Any, loc: Iterable[str | int]) -> type[BaseModel] | None:
    """The model that the keys at ``loc`` belong to."""
    annotation = root
    for part in loc:
        annotation = _inside(annotation, part)
    return _model_in(annotation)


def _inside(annotation: Any, part: str | int) -> Any:
    model = _model_in(annotation)
    if model is not None and isinstance(part, str) and part in model.model_fields:
        return model.model_fields[part].annotation
    inner = [a for a in get_args(_bare(annotation)) if a is not Ellipsis]
    return inner[-1] if inner else None


def _bare(annotation: Any) -> Any:
    """Without ``Annotated`` and ``| None``."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _bare(next(a for a in get_args(annotation) if a is not type(None)))
    return annotation


def _model_in(annotation: Any) -> type[BaseModel] | None:
    bare = _bare(annotation)
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def validated(kind: Any, data: Any, loc: Loc, context: dict[str, Any], problems: list[Problem]) -> Any:
    try:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind.model_validate(data, context=context)
        return TypeAdapter(kind).validate_python(data, context=context)
    except ValidationError as exc:
        problems.extend(problems_of(exc, kind, loc))
        return None


def parse_part(
    model: type[M],
    data: Mapping[str, Any],
    loc: Sequence[str | int],
    document: Document | None,
    context: dict[str, Any],
) -> M:
    """One part by a plugin's model, as ``Inventory.parse`` offers it."""
    problems: list[Problem] = []
    part: M = validated(model, dict(data), tuple(loc), context, problems)
    raise_problems(document.file if document else "retrust.yaml", placed(problems, document))
    return part


def placed(problems: Iterable[Problem], document: Document | None) -> list[str]:
    """Each problem behind the place it is at, in the order of the text."""
    if document is None:
        return [f"{dotted(loc)}: {text}" for loc, text in problems]
    placed = []
    for loc, text in problems:
        line, there = document.locate(loc)
        path = f"{dotted(there)}: " if there else ""
        missing = f"{dotted(loc[len(there) :])} " if text.startswith("is missing") else ""
        placed.append((line, f"{document.file}:{line}: {path}{missing}{text}"))
    return [text for _, text in sorted(placed, key=lambda item: item[0])]


def raise_problems(file: str, lines: Sequence[str]) -> None:
    if lines:
        many = f"{len(lines)} problems" if len(lines) > 1 else "a problem"
        raise InventoryError(f"{many} in the inventory {file}", problems=tuple(dict.fromkeys(lines)))
