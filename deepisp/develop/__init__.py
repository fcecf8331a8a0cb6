"""The ISP: one stage a file, in the order of light; `pipeline` shows them all.

`deepisp.develop` is this package and, called, the verb: `deepisp.develop("photo.dng")` is `pipeline.develop`.
A plain function of that name would be hidden by the package as soon as anything imports a stage.
"""

import inspect
import sys
from types import ModuleType
from typing import Any


class _Verb(ModuleType):  # `help` and `inspect.signature` see the verb's docstring and signature
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from deepisp.develop import pipeline

        return pipeline.develop(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        from deepisp.develop import pipeline

        return inspect.signature(pipeline.develop)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]  # a module's is a plain attribute
        from deepisp.develop import pipeline

        return pipeline.develop.__doc__


sys.modules[__name__].__class__ = _Verb
