"""A progress bar for training: on a terminal only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from ipvae.train.fit import Progress


@contextmanager
def progress_bar(
    *, quiet: bool = False, console: Console | None = None
) -> Iterator["Callable[[Progress], None] | None"]:
    """Give `fit` a callback that draws a bar on stderr; None in a pipe or with `quiet`.

    Examples
    --------
    >>> with progress_bar(quiet=True) as show:
    ...     show is None
    True
    """
    console = console or Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    # The period is long since a step on large images takes seconds, and its time varies.
    with Bar(*columns, console=console, transient=False, speed_estimate_period=600.0) as bar:
        task = bar.add_task("train", total=None, epoch=1, figures="")

        def show(state: "Progress") -> None:
            bar.update(
                task,
                total=state.total,
                completed=state.done,
                epoch=state.epoch,
                figures=_figures(state.loss, state.record),
            )

        yield show


def _figures(loss: float, record: dict[str, Any] | None) -> str:
    text = f"loss {loss:.1f}"
    if record is not None:
        text += f"  R2 {record['r2']:.3f}  zeros {record['zeros']:.1%}"
    return text
