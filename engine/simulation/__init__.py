"""A simulated tomogram with known truth, for the demo project and for tests.

`phantom` makes one; it is no stand-in for real data: no score on it says anything about a score on a real
tomogram.
"""

from engine.simulation.phantoms import CLASSES, Phantom, PhantomClass, PhantomObject, phantom
from engine.simulation.shapes import SHAPES, Shape

__all__ = ["CLASSES", "SHAPES", "Phantom", "PhantomClass", "PhantomObject", "Shape", "phantom"]
