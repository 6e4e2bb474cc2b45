"""Names that a route does not know: query parameters, fields of forms, keys of JSON bodies.

A misspelt name is refused and not passed over, because what it would have asked for is not done.
Holds for the box's own API; OpenAI's has rules of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import Request, params
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from edge.config.faults import MAX_SHOWN_CHARS, show, suggest
from edge.web.refusals import Refusal

OWN_API = "/api/v1/"


class RequestBody(BaseModel):
    """Base of the JSON bodies."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _know_keys(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            raise ValueError("send a JSON object")  # noqa: TRY004 - as pydantic wants it
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in body:
            if key not in known:
                said = PydanticCustomError(
                    "unknown_key", "{said}", {"said": _tell(key, known, "key")}
                )
                error = InitErrorDetails(type=said, loc=(_place(key),), input=None)
                raise ValidationError.from_exception_data(cls.__name__, [error])
        return body


async def refuse_unknown(request: Request) -> None:
    """Dependency of every route: raises Refusal for the first name that it does not know."""
    route = request.scope["route"]
    if not request.url.path.startswith(OWN_API) or not isinstance(route, APIRoute):
        return
    known = [field.alias for field in route.dependant.query_params]
    _refuse(request.query_params, known, "parameter")
    takes = {
        field.alias: isinstance(field.field_info, params.File)
        for field in route.dependant.body_params
        if isinstance(field.field_info, params.Form)
    }
    if not takes:
        return
    form = await request.form()  # read already, and remembered
    _refuse(form, takes, "field")
    for name, value in form.multi_items():
        if takes[name] and isinstance(value, str) and value:
            raise Refusal(422, "send a file here, as `curl -F image=@yard.jpg` does", name)


def _refuse(sent: Iterable[str], known: Iterable[str], what: str) -> None:
    for name in sent:
        if name not in known:
            raise Refusal(422, _tell(name, known, what), _place(name))


def _tell(name: str, known: Iterable[str], what: str) -> str:
    """`the field 'choises' is not known here. Did you mean 'choices'? The fields are: ...`."""
    return f"the {what} {show(name)} is not known here. {suggest(name, known, f'{what}s')}"


def _place(name: str) -> str:
    """The name as an error tells it, whatever somebody wrote."""
    return name if name.isprintable() and len(name) <= MAX_SHOWN_CHARS else show(name)
