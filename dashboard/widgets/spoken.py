"""Sentences of the engine in the words of a page: fields by their titles, uploaded files by their names.

The engine names options and parameters as YAML files and the command line do; a form shows their titles.
"""

import re
from pathlib import Path

from pydantic import BaseModel


def spoken(sentence: str, *models: type[BaseModel], path: Path | None = None) -> str:
    """A sentence as a page says it.

    Parameters
    ----------
    sentence
        Of an error or a note.
    models
        Whose fields may be named in it.
    path
        A file that was uploaded: the folder it lies in says nothing to the person.
    """
    if path is not None:
        sentence = sentence.replace(f"{path.parent}/", "")
    titles = {name: str(field.title) for model in models for name, field in model.model_fields.items() if field.title}
    for name in sorted(titles, key=len, reverse=True):
        # A plain word such as "names" or "score" is meant only where a value is given to it.
        where = rf"\b{name}\b" if "_" in name else rf"\b{name}(?= = )"
        title = titles[name].replace("\\", r"\\")
        sentence = re.sub(rf"((the )?option )?{where}", f"“{title}”", sentence)
    return sentence
