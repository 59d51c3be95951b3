"""How large a data set is: from the configuration where that says it, else from what is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

from brainvis.config import RunConfig
from brainvis.config.data import (
    BidsDataset,
    Holdout,
    KFold,
    LeaveCategoryOut,
    LeaveClusterOut,
    NsdDataset,
    SimulatedDataset,
    SizeMatched,
)
from brainvis.datasets.nsd import IMAGES, SESSIONS, TRIALS
from brainvis.errors import BrainvisError

_NSD_VOXELS = 15_724  # of nsdgeneral, subject 1 at 1.8 mm (Allen et al. 2022)
_NSD_OWN, _NSD_SHARED = 9_000, 1_000
_VOLUMES = 2.5  # a trial, where BOLD was not looked at
_CATEGORIES = 24  # of the simulated world; each has a test stimulus
_GAP = 12  # volumes around the trials of a simulated run


@dataclass(frozen=True)
class Size:
    """Counts that shapes follow from.

    Attributes
    ----------
    subjects, new : int
        Subjects, and those of them that no network is trained on.
    voxels, trials : int
        Of each subject.
    images, seen, test : int
        Images in the stimuli file; of these, what each subject saw; test stimuli of a split.
    folds : int
    side : int
        Of an image, in pixels.
    prior : int
        Images that no subject saw.
    frames : int
        Of a clip; 0 where there are no clips.
    volumes : int
        BOLD volumes of each subject; 0 where betas are given.
    """

    subjects: int
    new: int
    voxels: int
    trials: int
    images: int
    seen: int
    test: int
    folds: int
    side: int
    prior: int
    frames: int
    volumes: int

    @property
    def trained(self) -> int:
        """Subjects that networks are trained on."""
        return self.subjects - self.new

    @property
    def train(self) -> int:
        """Training stimuli of a subject, in a fold."""
        return max(self.seen - (self.test // self.folds), 1)


def size_of(
    config: RunConfig,
    *,
    subjects: int | None = None,
    voxels: int | None = None,
    images: int | None = None,
    trials: int | None = None,
) -> Size:
    """Size of the data set of a configuration, counts that are given in place of its own.

    Parameters
    ----------
    config : RunConfig
    subjects, voxels, images, trials : int, optional
        Voxels and trials are those of each subject.

    Raises
    ------
    BrainvisError
        A count below 1; fewer subjects than `encoders.new` needs; a data set whose size only its
        files tell, without `voxels` and `trials`.
    """
    given = {"subjects": subjects, "voxels": voxels, "images": images, "trials": trials}
    for name, value in given.items():
        if value is not None and value < 1:
            raise BrainvisError("must be at least 1", field=f"--{name}", found=value)
    count = subjects or len(config.subjects)
    new = 0 if config.encoders is None else config.encoders.new
    if count <= new:
        raise BrainvisError(
            "leaves no subject to train on",
            field="--subjects",
            found=count,
            remedy=f"encoders.new keeps {new} of them; ask for at least {new + 1}",
        )
    return replace(_own(config, count, voxels, images, trials), subjects=count, new=new)


def _own(
    config: RunConfig, subjects: int, voxels: int | None, images: int | None, trials: int | None
) -> Size:
    match config.dataset:
        case SimulatedDataset(stimuli=world, brain=brain):
            shown = images or world.count
            repeated = trials or shown * brain.repeats
            runs = -(-repeated // brain.trials_per_run)
            volumes = round(repeated * brain.trial_seconds / brain.tr) + _GAP * runs
            return _split(
                config, voxels or brain.voxels, repeated, shown, shown, world.size,
                world.prior, world.frames, volumes,
            )  # fmt: skip
        case NsdDataset(subjects=numbers, image_size=side):
            sessions = [min(SESSIONS[n - 1], config.dataset.sessions or 40) for n in numbers]
            repeated = trials or TRIALS * max(sessions)
            shown = images or min(_NSD_OWN * subjects + _NSD_SHARED, IMAGES)
            seen = min(shown, _NSD_OWN + _NSD_SHARED)
            return _split(
                config, voxels or _NSD_VOXELS, repeated, shown, seen, side, 0, 0, 0
            )  # fmt: skip
        case BidsDataset(image_size=side):
            if voxels is None or trials is None or (side and images is None):
                wanted = "--voxels and --trials" + (" and --images" if side else "")
                raise BrainvisError(
                    "is as large as its files, which a plan does not read",
                    field="dataset.name",
                    found="bids",
                    remedy=f"give {wanted}, those of one subject",
                )
            shown = images or 1
            volumes = round(_VOLUMES * trials)
            return _split(config, voxels, trials, shown, shown, side or 1, 0, 0, volumes)
        case _:  # digits of van Gerven et al. 2010
            shown = images or 100
            return _split(
                config, voxels or 3092, trials or shown, shown, shown, 28, 0, 0, 0
            )  # fmt: skip


def _split(
    config: RunConfig, voxels: int, trials: int, images: int, seen: int, side: int, prior: int,
    frames: int, volumes: int,
) -> Size:  # fmt: skip
    seen, folds = min(seen, trials), 1
    scheme = next(iter(config.splits.values()))
    match scheme.of if isinstance(scheme, SizeMatched) else scheme:
        case Holdout(test_share=share):
            kinds = _CATEGORIES if config.dataset.name == "simulated" else 1
            test = kinds * max(1, round(share * images / kinds))
        case KFold(folds=count):
            test, folds = images, count
        case LeaveCategoryOut(only=only):
            test, folds = (images, _CATEGORIES) if only is None else (images // _CATEGORIES, 1)
        case LeaveClusterOut(clusters=count, only=only):
            test, folds = (images, count) if only is None else (images // count, 1)
        case _:
            test = min(_NSD_SHARED, images // 2) if config.dataset.name == "nsd" else images // 10
    return Size(
        1,
        0,
        voxels,
        trials,
        images,
        seen,
        min(max(test, 1), seen),
        folds,
        side,
        prior,
        frames,
        volumes,
    )
