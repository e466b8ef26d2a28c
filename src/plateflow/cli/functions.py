"""``plateflow functions``: which functions there are for steps, and what one of them takes and does."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from plateflow.cli.exits import Exit
from plateflow.cli.out import print_json
from plateflow.errors import UserError
from plateflow.pipeline.nearest import nearest
from plateflow.service.connect import connect
from plateflow.service.questions import AskFunctions, Failed, Functions, consult
from plateflow.settings import runtime_directory

if TYPE_CHECKING:
    from plateflow.pipeline.forms import FunctionForm, ParameterForm

WIDTH = 100


def show_functions(name: str | None, *, json: bool) -> Exit:
    """Print the library, those of it that words describe, or all about one function.

    Parameters
    ----------
    name
        A function of the library; words that its name or docstring has; ``package.module:function`` for any other,
        which a runner imports. None: all of the library.
    json
        One JSON object for each function.

    Raises
    ------
    UserError
        If there is none; names the nearest.
    """
    found = _find(name)
    for form in found if json else ():
        print_json(form)
    if not json:
        for line in _explained(found[0]) if len(found) == 1 else _listed(found):
            print(line)
    return Exit.DONE


def _find(name: str | None) -> list[FunctionForm]:
    if name is not None and ":" in name:
        return _ask(name)
    from plateflow.pipeline.describe import list_library  # here, as it imports scikit-image

    library = list_library()
    if name is None:
        return library
    exact = [form for form in library if form.name == name]
    words = name.casefold().split()
    found = exact or [form for form in library if all(word in _searched(form) for word in words)]
    if not found:
        close = nearest(name, (form.name for form in library), most=3)
        raise UserError(
            f"no function of the library is called {name!r}, and none speaks of it"
            + (f"; did you mean {', '.join(close)}?" if close else "; `plateflow functions` lists them")
        )
    return found


def _ask(address: str) -> list[FunctionForm]:
    with connect(runtime_directory()) as client:
        answer = consult(client, AskFunctions(addresses=(address,)))
    if isinstance(answer, Failed):
        raise UserError(answer.reason)
    assert isinstance(answer, Functions)
    return list(answer.functions)


def _searched(form: FunctionForm) -> str:
    return f"{form.name} {form.doc}".casefold()


def _listed(forms: list[FunctionForm]) -> list[str]:
    width = max(len(form.name) for form in forms)
    flows = {form.name: _flow(form) for form in forms}
    across = max(map(len, flows.values()))
    return [f"{form.name:<{width}}  {flows[form.name]:<{across}}  {form.summary}" for form in forms]


def _flow(form: FunctionForm) -> str:
    taken = " + ".join(data.kind for data in form.data)
    return f"{taken} -> {' + '.join(form.returns) or 'image'}"


def _explained(form: FunctionForm) -> list[str]:
    inputs = ", ".join(f"{data.name} ({data.kind})" for data in form.data)
    lines = [f"{form.address}  {_flow(form)}", "", *_wrapped(_plain(_opening(form)), "")]
    lines += ["", f"inputs      {inputs}", *_labelled("returns", form.result or ", ".join(form.returns))]
    for parameter in form.parameters:
        lines += ["", *_parameter(parameter)]
    if form.references:
        lines += ["", *_labelled("source", form.references)]
    return lines


def _opening(form: FunctionForm) -> str:
    # All that stands before the docstring's sections.
    return form.doc.partition("\n\nParameters\n")[0]


def _parameter(parameter: ParameterForm) -> list[str]:
    kind, none, _ = parameter.type.told.replace('"', "'").partition(", or None")
    unit = f", in {parameter.unit}" if parameter.unit else ""
    default = "needed" if parameter.default is None else f"default {parameter.default}"
    head = f"  {parameter.name}: {kind}{unit}{none}; {default}"
    return [*textwrap.wrap(head, WIDTH, subsequent_indent="      "), *_wrapped(_plain(parameter.doc), "      ")]


def _labelled(label: str, text: str) -> list[str]:
    wrapped = _wrapped(_plain(text), " " * 12)
    return [f"{label:<12}{wrapped[0].strip()}", *wrapped[1:]] if wrapped else []


def _wrapped(text: str, indent: str) -> list[str]:
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    lines: list[str] = []
    for paragraph in paragraphs:
        lines += [""] if lines else []
        lines += textwrap.wrap(paragraph, WIDTH, initial_indent=indent, subsequent_indent=indent)
    return lines


def _plain(text: str) -> str:
    return text.replace("``", "").replace("`", "")
