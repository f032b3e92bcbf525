"""What the next round of training is made of: the model before, its examples, and the verdicts on picks.

Only tables and descriptions are read here, and nothing is written, so that a page can say beforehand what will happen.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.annotation.next_examples import NextExamples, next_examples
from engine.errors import UserError
from engine.objects import ObjectTable, concatenate, empty_table, filter_by
from engine.objects.review import UNDECIDED, verdicts
from engine.parameters import Parameters, parameter
from engine.project import Project, Segmentation
from engine.project.models import Model
from engine.project.settings import check_name
from engine.tasks.next_round_requests import OTHERS, targets_request, training_request

ROUND_END = re.compile(r"_r\d+(-\d+)?$")


class NextRoundParameters(Parameters):
    """Parameters of the task "next-round"."""

    picks: str = parameter(
        title="Judged picks",
        help="A table with picks accepted (A) or rejected (R) in the gallery of the page Objects.",
        source="tables",
        min_length=1,
    )
    model: str = parameter(
        "",
        title="Picks of the model",
        help="Whose training is repeated with more examples; empty = the one that found the picks.",
        source="models",
    )
    go_on: bool = parameter(
        True,
        title="Go on from its weights",
        help="The next training begins with the model's weights; otherwise with random ones.",
    )
    name: str = parameter(
        "", title="Save as", help="Name of the model, its table and targets; empty = the model's with _r and the round."
    )


@dataclass(frozen=True, eq=False)
class RoundPlan:
    """All that `next_round` writes, before it is written.

    Parameters
    ----------
    name
        Of table, targets and model.
    number, parent
        Of the round; the model before.
    made
        Examples and other places.
    targets, training
        Raw parameters of the tasks "targets" and "train".
    notes
        What a person should know besides the counts.
    """

    name: str
    number: int
    parent: str
    made: NextExamples
    targets: dict[str, Any]
    training: dict[str, Any]
    notes: list[str]

    @property
    def facts(self) -> dict[str, Any]:
        """What the description of a model says about its round (`engine.training.rounds`)."""
        counts = self.made.counts
        return {
            "round": self.number,
            "parent": self.parent,
            "accepted": counts.accepted,
            "rejected": counts.rejected,
            "undecided": counts.undecided,
        }


def plan(parameters: NextRoundParameters, project: Project) -> RoundPlan:
    """Work out the next round.

    Raises
    ------
    UserError
        No such table or model, a model that was not trained on targets of this project, targets that do not say what
        they were made of; what `next_examples` says of the verdicts.
    """
    model = parent_of(parameters, project)
    settings = _settings(model)
    targets, validation = ([project.segmentation(k) for k in settings[w]] for w in ("targets", "validation"))
    names = [str(c["name"]) for c in model.description["classes"]]
    radii = {str(c["name"]): float(c["radius"]) for c in model.description["classes"]}
    judging = [s.tomogram for s in validation]
    picks = project.table(parameters.picks)
    judged = list(dict.fromkeys(picks.rows["tomogram"][verdicts(picks) != UNDECIDED]))
    earlier, unlisted = _earlier(project, [*targets, *validation], judged, str(settings.get("objects") or ""))
    before = str(settings.get("hard_negatives") or "")
    made = next_examples(
        earlier,
        picks,
        radii,
        judging,
        project.table(before) if before in project.tables.names() else None,
    )
    for key in (unlisted[tomogram] for tomogram in made.tomograms if tomogram in unlisted):
        raise UserError(
            f"The target {key} does not say which objects it was made of, so accepted picks cannot be joined with "
            "them: make it with the task targets."
        )
    number = int((model.description.get("made_by") or {}).get("round") or 1) + 1
    name = _free_name(project, parameters.name or f"{ROUND_END.sub('', model.name)}_r{number}")
    training, notes = training_request(settings, targets, made, name, names, model.name if parameters.go_on else "")
    asked, more = targets_request(targets, made, name, names)
    return RoundPlan(name, number, model.name, made, asked, training, [*notes, *more])


def parent_of(parameters: NextRoundParameters, project: Project) -> Model:
    """The model whose training is repeated: the one named, else the one that found the picks, else the only one.

    Raises
    ------
    UserError
        There is none, or several may be meant.
    """
    models = {model.name: model for model in project.models()}
    if not models:
        raise UserError("This project has no model yet: train a first one on annotated objects.")
    if parameters.model:
        if parameters.model not in models:
            raise UserError(f"This project has no model {parameters.model!r} (models: {', '.join(models)}).")
        return models[parameters.model]
    found = _finders(project, parameters.picks) & models.keys()
    if len(found) != 1 and len(models) > 1:
        raise UserError(
            f"The table {parameters.picks} does not say which model found its objects: name the model to go on from "
            f"({', '.join(models)})."
        )
    return models[found.pop() if len(found) == 1 else next(iter(models))]


def _finders(project: Project, table: str) -> set[str]:
    """Models whose segmentations the objects of a table were found in."""
    made_by = project.tables.provenance(table) if table in project.tables.names() else {}
    if made_by.get("task") == "next-round":  # judged again: its own model, or while there is none the one before
        return {table} if table in {m.name for m in project.models()} else {str(made_by.get("parent"))}
    paths = {Path(str(each.get("path"))).stem for each in made_by.get("inputs") or [made_by.get("input") or {}]}
    return {str(s.made_by["model"]) for s in project.segmentations() if s.key in paths and s.made_by.get("model")}


def _settings(model: Model) -> dict[str, Any]:
    made_by = model.description.get("made_by") or {}
    settings = dict(made_by.get("settings") or {})
    if made_by.get("task") != "train" or not settings.get("targets") or not model.description.get("classes"):
        raise UserError(
            f"The model {model.name} was not trained on targets of this project, so there is no training to repeat "
            "with more examples: train one here on the page Train, with it as the weights to begin with."
        )
    return {"validation": [], **settings}


def _earlier(
    project: Project, targets: Sequence[Segmentation], judged: Sequence[str], objects: str
) -> tuple[ObjectTable, dict[str, str]]:
    """What the targets were made of, and tomogram → target of those that do not say it.

    The same tables count for judged tomograms that were not learnt from so far: what was annotated there is no
    background.
    """
    parts: dict[str, ObjectTable] = {}
    unlisted: dict[str, str] = {}
    used: dict[str, ObjectTable] = {}
    for target in targets:
        table = str(target.made_by.get("table") or objects)
        if not table:
            unlisted[target.tomogram] = target.key
        elif table not in project.tables.names():
            raise UserError(
                f"The table {table}, which {target.key} was made of, is gone: take it back from "
                f"{project.tables.folder / '.deleted'}, or train anew."
            )
        elif target.tomogram not in parts:
            used.setdefault(table, project.table(table))
            parts[target.tomogram] = filter_by(used[table], tomograms=[target.tomogram])
    for table_used in used.values():
        for tomogram in judged:
            if tomogram not in parts and tomogram not in unlisted:
                parts[tomogram] = filter_by(table_used, tomograms=[tomogram])
    return concatenate(list(parts.values())) if parts else empty_table(), unlisted


def _free_name(project: Project, wanted: str) -> str:
    """`wanted`, or with a number where a table, a model or a segmentation has the name."""
    check_name(wanted, "model")
    taken = {*(m.name for m in project.models()), *(s.name for s in project.segmentations())}
    name, number = wanted, 2
    while name in taken or any(project.tables.free_name(n) != n for n in (name, f"{name}{OTHERS}")):
        name, number = f"{wanted}-{number}", number + 1
    return name
