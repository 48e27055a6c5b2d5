"""A log likelihood that is computed along with its derivatives, as an operation of a graph.

For likelihoods whose derivatives are written out, as PyTensor's own would take far longer to compile or to evaluate.
"""

from __future__ import annotations

import inspect
import sys
import zlib
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op


class WithGradient(Op):
    """A log likelihood, its derivatives by the first inputs, and what else is computed along.

    Only the likelihood may be differentiated, once, and only by the first inputs; the others are data.

    Attributes
    ----------
    n_parameters
        How many inputs are parameters.
    further
        Types of the outputs after the derivatives.
    evaluate
        All outputs from all inputs, of which those without axes come as numbers.
    """

    __props__ = ()
    n_parameters: ClassVar[int]
    further: ClassVar[tuple[Any, ...]] = ()
    evaluate: ClassVar[Callable[..., Any]]

    def make_node(self, *inputs: Any) -> Apply:
        """A node of the graph."""
        given = [pt.as_tensor_variable(value) for value in inputs]
        derivatives = [variable.type() for variable in given[: self.n_parameters]]
        return Apply(self, given, [pt.dscalar(), *derivatives, *(output() for output in self.further)])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]]) -> None:
        """As part of a graph that is not compiled itself."""
        values = [value.item() if value.ndim == 0 else value for value in inputs]
        for storage, value in zip(output_storage, self.evaluate(*values), strict=True):
            storage[0] = np.asarray(value)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Data are not differentiated."""
        return [[place < self.n_parameters] * len(node.outputs) for place in range(len(node.inputs))]

    def pullback(
        self, inputs: Sequence[Variable], outputs: Sequence[Variable], cotangents: Sequence[Variable]
    ) -> list[Variable]:
        """Derivatives that were computed along with the likelihood."""
        if not all(isinstance(cotangent.type, DisconnectedType) for cotangent in cotangents[1:]):
            raise NotImplementedError(f"second derivatives of {type(self).__name__}")
        derived = [cotangents[0] * outputs[1 + place] for place in range(self.n_parameters)]
        return derived + [disconnected_type() for _ in inputs[self.n_parameters :]]


def version_of(module: str, *constants: float) -> int:
    """A number that changes with a module's source and with constants from elsewhere: part of numba's cache keys."""
    return zlib.crc32(repr((inspect.getsource(sys.modules[module]), constants)).encode())
