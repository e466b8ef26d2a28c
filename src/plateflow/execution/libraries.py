"""The code behind a pipeline's results: its files, and the versions of the libraries that they name."""

from __future__ import annotations

import ast
import inspect
import os
import platform
import re
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plateflow.pipeline.pipeline import MODULE
from plateflow.pipeline.signature import resolve_function
from plateflow.pipeline.toml import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plateflow.pipeline.pipeline import Pipeline, PipelineSource

_LIBRARIES = {
    "numpy": "numpy",
    "scipy": "scipy",
    "skimage": "scikit-image",
    "polars": "polars",
    "tifffile": "tifffile",
    "imagecodecs": "imagecodecs",
    "msgspec": "msgspec",
}
"""Distributions that all results depend on, by the module that is imported."""
_ELSEWHERE = frozenset({"site-packages", "dist-packages"})
"""Folders of libraries, whose versions are told; a virtual environment may lie beside the file."""
_ALWAYS = {"plateflow": "plateflow", **_LIBRARIES}


def library_versions(pipeline: Pipeline) -> dict[str, str]:
    """Name the versions of python and of the libraries that a pipeline's results depend on; imports none of them.

    These are the ones that all results depend on; and what the code of its steps comes from or imports by name, also
    inside a function: the pipeline's own file, the modules beside it, and those that its functions are defined in.
    Not what these libraries import in turn.
    """
    found = {"python": platform.python_version()}
    for name in chain(_ALWAYS.values(), sorted(_distributions_of(pipeline))):
        found.setdefault(name, _version(name))
    return found


def source_file(func: Callable[..., Any]) -> str | None:
    """Return the file that a function is defined in; None for one that is compiled, or typed in."""
    source = inspect.getsourcefile(inspect.unwrap(func)) if inspect.isfunction(func) else None
    return source if source is not None and os.path.isfile(source) else None


def modules_beside(source: PipelineSource) -> Iterator[tuple[str, str]]:
    """Yield name and file of the modules in a pipeline file's folder, or below it, that it imports, by name."""
    folder = Path(source.path).parent
    found = {}
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and file != source.path and _is_beside(Path(file), folder) and os.path.isfile(file):
            found[name] = str(file)
    # What is imported inside a function may not have been yet; of a package, all counts.
    waiting = {*map(_top, chain(_imports(source.text), *map(_imported, found.values())))}
    known: set[str] = set()
    while new := waiting - known:
        known |= new
        for path in chain.from_iterable(_files_beside(folder, name) for name in new):
            beside = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
            if str(path) != source.path:
                found[beside] = str(path)
                waiting |= {*map(_top, _imported(str(path)))}
    yield from sorted(found.items())


def _is_beside(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) and not _ELSEWHERE.intersection(path.relative_to(folder).parts)


def _files_beside(folder: Path, name: str) -> list[Path]:
    package = folder / name
    if (package / "__init__.py").is_file():
        return sorted(path for path in package.rglob("*.py") if path.is_file())
    file = folder / f"{name}.py"
    return [file] if file.is_file() else []


def _distributions_of(pipeline: Pipeline) -> set[str]:
    links = chain.from_iterable(branch.chain for step in pipeline.steps for branch in step.branches.values())
    named = set(chain.from_iterable(_named_by(resolve_function(link.func)) for link in links))
    known = {*sys.stdlib_module_names, *_ALWAYS, MODULE}
    if pipeline.source is not None:
        beside = dict(modules_beside(pipeline.source))
        known |= beside.keys()
        named |= set(chain.from_iterable(map(_imported, beside.values())))
        named |= frozenset() if pipeline.source.path.endswith(SUFFIX) else _imports(pipeline.source.text)
    return set(chain.from_iterable(_distributions(name) for name in map(_top, named) if name not in known))


def _named_by(func: Callable[..., Any]) -> Iterable[str]:
    """Return the module that a function comes from, and those that this imports where its version does not tell."""
    module = inspect.getmodule(inspect.unwrap(func))
    if module is None or _top(module.__name__) in (MODULE, *_LIBRARIES):
        return ()
    file = source_file(func)
    return (module.__name__, *(() if file is None else _imported(file)))


def _top(module: str) -> str:
    return module.partition(".")[0]


def _imported(file: str) -> frozenset[str]:
    return _imports(Path(file).read_bytes())


@cache
def _imports(code: str | bytes) -> frozenset[str]:
    """Return the modules that a text imports, wherever in it."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError):  # it runs all the same, or is no python
        return frozenset()
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return frozenset(names)


@cache
def _distributions(module: str) -> tuple[str, ...]:
    """Return what is installed that a module comes from; none for one that is only a file."""
    try:
        _version(module)  # most are called as their module, and this is asked 300 times as fast
    except (PackageNotFoundError, ValueError):
        return tuple(_plain(name) for name in _by_module().get(module, ()))
    return (_plain(module),)


@cache
def _version(name: str) -> str:
    return version(name)


@cache
def _by_module() -> dict[str, list[str]]:
    return dict(packages_distributions())


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()  # as the index calls it: cp_measure and cp-measure are one
