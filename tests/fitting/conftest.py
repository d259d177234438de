"""A fixture that shakes what another processor computes otherwise: every product and sum at the level of rounding."""

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import pytest

from inface.fitting import basis, deviation, products


@dataclass(frozen=True)
class Shake:
    """One way in which the last digits come out otherwise.

    Attributes:
        block, vertices: coordinates and vertices read at a time; None: as they are.
        order: whether the vertices come in another order, so that every sum over them does.
        last_place: whether each float32 number of the basis is one unit in the last place higher or lower, or neither.
        threads: of BLAS, where threadpoolctl is installed; None: as they are.
    """

    block: int | None = None
    vertices: int | None = None
    order: bool = False
    last_place: bool = False
    threads: int | None = None

    @contextmanager
    def applied(self):
        """Block sizes and threads, for as long as the context is open."""
        limits = nullcontext()
        if self.threads is not None:
            threadpoolctl = pytest.importorskip("threadpoolctl", reason="threads are set through threadpoolctl")
            limits = threadpoolctl.threadpool_limits(self.threads, user_api="blas")
        with pytest.MonkeyPatch.context() as patch, limits:
            if self.block is not None:
                patch.setattr(basis, "BLOCK", self.block)
            if self.vertices is not None:
                patch.setattr(deviation, "VERTICES", self.vertices)
                patch.setattr(products, "VERTICES", self.vertices)
            yield

    def permutation(self, count: int) -> np.ndarray:
        """The order `(count,)` in which the vertices come."""
        return np.random.default_rng(11).permutation(count) if self.order else np.arange(count)

    def coordinates(self, array: np.ndarray) -> np.ndarray:
        """Columns of `(..., 3V)` in the order of the vertices, memory order kept."""
        ids = self.permutation(array.shape[-1] // 3)
        return np.ascontiguousarray(array.reshape(*array.shape[:-1], -1, 3)[..., ids, :].reshape(array.shape))

    def basis(self, array: np.ndarray) -> np.ndarray:
        """The same for float32 numbers of a basis, which are also moved by a unit in the last place."""
        array = self.coordinates(array)
        if not self.last_place:
            return array
        assert array.dtype == np.float32
        to = np.random.default_rng(12).integers(-1, 2, array.shape)
        towards = np.where(to > 0, np.float32(np.inf), np.float32(-np.inf))
        # a zero stays one: what is missing in a file is missing on every processor
        return np.where((to == 0) | (array == 0), array, np.nextafter(array, towards))


SHAKES = {
    "small blocks": Shake(block=123, vertices=7),
    "odd blocks": Shake(block=1021, vertices=333),
    "one block": Shake(block=10**6, vertices=10**6),
    "order": Shake(order=True),
    "last place": Shake(last_place=True),
    "all": Shake(block=509, vertices=61, order=True, last_place=True),
    "one thread": Shake(threads=1),
    "two threads": Shake(threads=2),
}


@pytest.fixture(params=SHAKES.values(), ids=SHAKES)
def shake(request) -> Shake:
    """Each way of shaking in turn."""
    return request.param


@pytest.fixture
def still() -> Shake:
    """Nothing is shaken."""
    return Shake()
