"""Numbers as people read them: units beside them, three significant digits, times and sizes in words."""

from datetime import datetime

from engine.words import plural

__all__ = ["duration", "moment", "plural", "shape", "size", "voxel_size"]


def size(n_bytes: float) -> str:
    """Bytes in the unit that keeps three digits: 12.3 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"


def duration(seconds: float) -> str:
    """Seconds as 8 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(time: float) -> str:
    """A time of day, with the date unless it is today's."""
    then = datetime.fromtimestamp(time)
    return then.strftime("%H:%M" if then.date() == datetime.now().date() else "%Y-%m-%d %H:%M")


def shape(voxels: tuple[int, int, int]) -> str:
    """Voxels z × y × x."""
    return " × ".join(str(n) for n in voxels)


def voxel_size(angstrom: tuple[float, float, float]) -> str:
    """One number where all axes agree to a thousandth, else three (z, y, x)."""
    if max(angstrom) - min(angstrom) < 1e-3 * max(angstrom):
        return f"{sum(angstrom) / 3:.4g}"
    return " × ".join(f"{v:.4g}" for v in angstrom)
