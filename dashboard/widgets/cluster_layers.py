"""What the viewer of the page Cluster shows of a preview: circles by class, and names and colours of the labels."""

from dashboard.viewer.component import LabelClass, PointLayer
from dashboard.widgets import class_colours
from dashboard.widgets.viewing import circles
from engine.tasks import Preview
from engine.tasks.cluster_parameters import ClusterParameters
from engine.tasks.clustering import Clustered, choose, inside

USUAL_RADIUS = 50.0
"""Å, for a class of unknown radius."""


def class_circles(preview: Preview, checked: ClusterParameters) -> list[PointLayer]:
    """What the limits keep in the box, as circles with the radius of each class."""
    clustered: Clustered = preview.basis
    kept = choose(clustered, checked).kept & inside(clustered.candidates.centres, preview.box)
    layers = []
    for label, c in clustered.classes.items():
        centres = clustered.candidates.centres[kept & (clustered.candidates.labels == label)]
        layers += circles(centres[:, ::-1], c.radius or USUAL_RADIUS, f"preview {c.name}") if len(centres) else []
    return layers


def class_labels(clustered: Clustered) -> list[LabelClass]:
    """Names and colours of the labels."""
    return [
        LabelClass(label, c.name, class_colours.of_label(label, c.colour)) for label, c in clustered.classes.items()
    ]
