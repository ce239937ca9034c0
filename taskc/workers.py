"""Which engine runs the work, and how much of it at once.

In: words of a caller. Out: an engine that is started, or the words that say what is missing.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from taskc.compiler.engines.engine import Engine

__all__ = ["ENGINES", "EngineKind", "Workers"]

EngineKind = Literal["local", "ray"]
ENGINES = ("local", "ray")


class Workers(NamedTuple):
    """What runs the work.

    Attributes:
        kind: "local", processes of this machine, or "ray", a cluster.
        address: The cluster's address; "" = the one that this process is connected to.
        jobs: Tasks at once; None = one a core.
    """

    kind: EngineKind = "local"
    address: str = ""
    jobs: int | None = None

    @property
    def is_local(self) -> bool:
        """Whether all of the work is done on this machine, with its disks."""
        return self.kind == "local"

    def started(self) -> "Engine":
        """Starts the engine, to be used as a context.

        Raises:
            ValueError: If the engine is not installed, or its cluster can't be reached.
        """
        if self.is_local:
            from taskc.compiler.engines.local import LocalEngine

            return LocalEngine(self.jobs)
        try:
            from taskc.compiler.engines.ray import RayEngine

            return RayEngine(self.address, self.jobs)
        except ImportError as error:
            message = "the engine `ray` needs Ray: pip install 'taskc-lang[ray]'"
            raise ValueError(message) from error
        except ConnectionError as error:
            raise ValueError(f"there is no Ray cluster at {self.address!r}: {error}") from error
