"""plateflow: image-analysis pipelines over high-content-screening plates, with exact live progress.

The public names are loaded when first used, so that importing one does not cost the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plateflow.pipeline.compile import compile_plate as compile_plate
    from plateflow.pipeline.pipeline import Pipeline as Pipeline
    from plateflow.pipeline.pipeline import load_pipeline as load_pipeline
    from plateflow.pipeline.save import save_pipeline as save_pipeline
    from plateflow.pipeline.step import FunctionStep as FunctionStep
    from plateflow.plate.open import open_plate as open_plate
    from plateflow.progress.update import ProgressPhase as ProgressPhase
    from plateflow.progress.update import ProgressStatus as ProgressStatus
    from plateflow.progress.update import ProgressUpdate as ProgressUpdate
    from plateflow.runtime.client import ExecutionClient as ExecutionClient
    from plateflow.runtime.server import ExecutionServer as ExecutionServer
    from plateflow.service.run_plate import run_plate as run_plate

_HOMES = {
    "ExecutionClient": "plateflow.runtime.client",
    "ExecutionServer": "plateflow.runtime.server",
    "FunctionStep": "plateflow.pipeline.step",
    "Pipeline": "plateflow.pipeline.pipeline",
    "ProgressPhase": "plateflow.progress.update",
    "ProgressStatus": "plateflow.progress.update",
    "ProgressUpdate": "plateflow.progress.update",
    "compile_plate": "plateflow.pipeline.compile",
    "load_pipeline": "plateflow.pipeline.pipeline",
    "open_plate": "plateflow.plate.open",
    "save_pipeline": "plateflow.pipeline.save",
    "run_plate": "plateflow.service.run_plate",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'plateflow' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
