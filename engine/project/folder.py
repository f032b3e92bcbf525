"""A project: one folder of plain files, and the registered sources of tomograms that it points to.

This is the only place that knows what lies where. Sciences never see it; tasks and pages do.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from engine.atomic import locked, write_text
from engine.errors import UserError, explain_os_errors
from engine.objects import ObjectTable, TomogramGeometry
from engine.project.models import Model, list_models, make_model_folder, model_folder
from engine.project.segmentations import Segmentation, list_segmentations, segmentation_path
from engine.project.settings import (
    FILE_NAME,
    PALETTE,
    ObjectClass,
    Settings,
    check_name,
    read_settings,
    write_settings,
)
from engine.project.tables import TableStore
from engine.project.tomograms import Tomogram, list_tomograms, source_folder
from engine.volumes import Volume, list_volume_files, open_volume, read_info

FOLDERS = ("annotations", "segmentations", "objects", "models", "jobs", "exports")


class Project:
    """An open project. Cheap to make; reads its files anew, so that several processes may share a folder."""

    def __init__(self, root: Path):
        self.root = Path(root)
        self.tables = TableStore(self.root)

    @classmethod
    def open(cls, root: str | Path) -> "Project":
        """Open the project in the folder `root`.

        Raises
        ------
        UserError
            No such folder, or it holds no readable `tomodeck.yaml`.
        """
        root = Path(root).expanduser().absolute()
        if not (root / FILE_NAME).is_file():
            raise UserError(f"{root} is not a Tomodeck project (no {FILE_NAME} in it). Check the path.")
        project = cls(root)
        project.settings()
        return project

    @classmethod
    def create(cls, root: str | Path, name: str | None = None) -> "Project":
        """Make the folder `root` a project, or open it if it is one already.

        Raises
        ------
        UserError
            The folder holds other files and no project, or it cannot be written.
        """
        root = Path(root).expanduser().absolute()
        if (root / FILE_NAME).is_file():
            return cls.open(root)
        if root.is_dir() and any(not p.name.startswith(".") for p in root.iterdir()):
            raise UserError(
                f"{root} holds other files and is not a Tomodeck project: name a new or an empty folder "
                "(tomograms are used in place; they need not lie inside)."
            )
        with explain_os_errors(root, "create"):
            for folder in FOLDERS:
                (root / folder).mkdir(parents=True, exist_ok=True)
        write_settings(root, Settings(name=name or root.name))
        return cls(root)

    def settings(self) -> Settings:
        """The contents of `tomodeck.yaml`, read now."""
        return read_settings(self.root)

    @property
    def name(self) -> str:
        """The name that people gave the project."""
        return self.settings().name

    @property
    def classes(self) -> list[ObjectClass]:
        """The feature library."""
        return self.settings().classes

    # Tomograms

    def tomograms(self) -> list[Tomogram]:
        """Every file that the sources hold, readable or not."""
        return self.tomograms_and_problems()[0]

    def tomograms_and_problems(self) -> tuple[list[Tomogram], list[str]]:
        """Every file that the sources hold, and one sentence for each source that cannot be listed."""
        settings = self.settings()
        tomograms, names, problems = list_tomograms(self._sources(settings), settings.names, settings.voxel_sizes)
        if names != settings.names:
            self._change(names=names)
        return tomograms, problems

    def tomogram(self, name: str) -> Tomogram:
        """The tomogram called `name`.

        Raises
        ------
        UserError
            There is none, or its file cannot be read (the sentence says why).
        """
        for tomogram in self.tomograms():
            if tomogram.name == name:
                if tomogram.info is None:
                    raise UserError(tomogram.problem or f"{tomogram.path} cannot be read.")
                return tomogram
        raise UserError(
            f"This project has no tomogram {name!r}. Add its folder on the Tomograms page, or check the name."
        )

    def open_tomogram(self, name: str) -> Volume:
        """The volume of the tomogram called `name`; raises UserError as `tomogram` does."""
        return open_volume(self.readable(self.tomogram(name).path))

    def geometry(self, name: str) -> TomogramGeometry:
        """Shape and voxel size of the tomogram called `name`."""
        tomogram = self.tomogram(name)
        return TomogramGeometry(tomogram.shape, tomogram.voxel_size)

    def add_source(self, source: str, inside: bool = False) -> list[Path]:
        """Register a folder or a glob of tomograms; returns the files it holds now.

        Parameters
        ----------
        source
            A relative one is taken from the current folder.
        inside
            Taken from the project's folder instead and kept relative, so that the project can be moved or copied with
            the tomograms that it holds.

        Raises
        ------
        UserError
            No such folder, nothing fits, or it is registered already.
        """
        source = source.strip()
        if not source:
            raise UserError("Name a folder or a pattern such as /data/session1/*.mrc.")
        path = str(self.root / source) if inside else os.path.abspath(os.path.expanduser(source))
        if path in self._sources(self.settings()):
            raise UserError(f"{path} is a source of this project already.")
        if os.path.isfile(path):
            read_info(path)  # says what is wrong with a file that is no volume
        files = list_volume_files(path)
        if not files:
            raise UserError(f"{path} holds no tomograms (.mrc .rec .map .h5 .hdf .tif .zarr, also .gz .bz2).")
        with locked(self.root / ".lock"):
            settings = self.settings()
            write_settings(
                self.root,
                settings.model_copy(update={"sources": [*settings.sources, source if inside else path]}),
            )
        return files

    def remove_source(self, source: str) -> None:
        """Forget a source. Its files and all results made from them stay."""
        with locked(self.root / ".lock"):
            settings = self.settings()
            kept = [s for s in settings.sources if s != source]
            write_settings(self.root, settings.model_copy(update={"sources": kept}))

    def set_voxel_size(self, names: Sequence[str], voxel_size: float | None) -> None:
        """Set the voxel size (Å) of tomograms by hand; None goes back to the header's. No file is touched.

        Raises
        ------
        UserError
            There is no such tomogram, or no such voxel size.
        """
        unknown = set(names) - {t.name for t in self.tomograms()}
        if unknown:
            raise UserError(f"This project has no tomogram {min(unknown)!r}: check the name.")
        if voxel_size is not None and not 0.1 <= voxel_size <= 1000:
            raise UserError(f"A voxel size of {voxel_size:g} Å for {names[0]} is not possible: give 0.1 to 1000 Å.")
        with locked(self.root / ".lock"):
            settings = self.settings()
            sizes = {k: v for k, v in settings.voxel_sizes.items() if k not in names}
            if voxel_size is not None:
                sizes |= dict.fromkeys(names, float(voxel_size))
            write_settings(self.root, settings.model_copy(update={"voxel_sizes": sizes}))

    def readable(self, path: Path) -> Path:
        """`path` with links resolved, if it lies inside the project or one of its sources.

        Raises
        ------
        UserError
            It lies elsewhere: nothing outside may be read on behalf of a page.
        """
        real = Path(os.path.realpath(path))
        allowed = [self.root, *(source_folder(s) for s in self._sources(self.settings()))]
        if any(real.is_relative_to(os.path.realpath(folder)) for folder in allowed):
            return real
        raise UserError(f"{path} lies outside this project and its tomogram folders, so it is not read.")

    # Classes

    def add_class(self, name: str, radius: float, colour: str | None = None) -> ObjectClass:
        """Add a class to the feature library, or return the one of that name. `radius` is in Å."""
        with locked(self.root / ".lock"):
            settings = self.settings()
            for known in settings.classes:
                if known.name == name:
                    return known
            label = max((c.label for c in settings.classes), default=0) + 1
            colour = colour or PALETTE[(label - 1) % len(PALETTE)]
            made = ObjectClass(name=name, label=label, colour=colour, radius=radius)
            write_settings(self.root, settings.model_copy(update={"classes": [*settings.classes, made]}))
            return made

    # Results

    def segmentations(self, tomogram: str | None = None) -> list[Segmentation]:
        """The label maps, of one tomogram or of all."""
        return list_segmentations(self.root, tomogram)

    def segmentation(self, key: str) -> Segmentation:
        """The label map `<tomogram>__<name>`. Raises UserError when there is none."""
        for found in self.segmentations(key.split("__", 1)[0]):
            if found.key == key:
                return found
        raise UserError(f"This project has no segmentation {key!r}: segment a tomogram first, or check the name.")

    def segmentation_path(self, tomogram: str, name: str) -> Path:
        """Where the label map `name` of `tomogram` belongs. Raises UserError for a name that cannot be a file's."""
        return segmentation_path(self.root, check_name(tomogram, "tomogram"), check_name(name, "segmentation"))

    def models(self) -> list[Model]:
        """The trained models, by name."""
        return list_models(self.root)

    def model_folder(self, name: str) -> Path:
        """The folder of the model `name`. Raises UserError when there is none."""
        return model_folder(self.root, name)

    def make_model_folder(self, name: str) -> Path:
        """A new folder for the model `name`, which carries a number where `name` was taken."""
        return make_model_folder(self.root, name)

    def write_provenance(self, path: Path, made_by: dict[str, Any]) -> None:
        """Write beside the result `path` what made it."""
        write_text(path.with_suffix(".yaml"), yaml.safe_dump(made_by, sort_keys=False, allow_unicode=True))

    def table(self, name: str) -> ObjectTable:
        """The object table `name`, with the geometry that its tomograms have now (see `with_present_geometry`)."""
        return self.with_present_geometry(self.tables.read(name))

    def with_present_geometry(self, table: ObjectTable) -> ObjectTable:
        """The table with the voxel sizes that its tomograms have now: they may have been set by hand since it was made.

        A tomogram that is gone, or has another shape by now, keeps what the table says.
        """
        present = {t.name: t for t in self.tomograms() if t.info is not None}
        geometries = {
            name: TomogramGeometry(old.shape, present[name].voxel_size)
            if name in present and present[name].shape == old.shape
            else old
            for name, old in table.tomograms.items()
        }
        return ObjectTable(table.rows, geometries)

    def table_version(self, name: str) -> str:
        """The version of the object table `name`; changes with every save."""
        return self.tables.version(name)

    def _sources(self, settings: Settings) -> list[str]:
        # Sources inside the project are kept relative, so that the folder can be moved or copied.
        return [s if os.path.isabs(s) else str(self.root / s) for s in settings.sources]

    def _change(self, **values: Any) -> None:
        with locked(self.root / ".lock"):
            write_settings(self.root, self.settings().model_copy(update=values))
