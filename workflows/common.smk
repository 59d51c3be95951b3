# What all rules share: the checked configuration, the paths of the run, params, retries.
import os

from snakemake.exceptions import WorkflowError

from brainvis.artifacts.fingerprint import fingerprint
from brainvis.commands.common import settings_text
from brainvis.commands.brain import KEYS as BRAIN_KEYS
from brainvis.commands.compare import KEYS as COMPARE_KEYS
from brainvis.commands.few_score import KEYS as FEW_KEYS
from brainvis.commands.metrics import KEYS as SCORE_KEYS
from brainvis.commands.retrieval import KEYS as RETRIEVAL_KEYS
from brainvis.config import find_data, run_folder, validated
from brainvis.config.animators import TRUE
from brainvis.errors import BrainvisError
from brainvis.paths import Layout


def or_stop(function, *arguments):
    """Call a function of the package; its error becomes Snakemake's one line."""
    try:
        return function(*arguments)
    except BrainvisError as error:
        raise WorkflowError(str(error)) from None


def settings(*keys):
    """Params function: the slice of the configuration under `keys`, wildcards filled in."""
    return lambda wildcards: settings_text(
        RUN, *(key.format(**wildcards) for key in keys)
    )


def code(stage):
    """Params value: fingerprint of the code that the stage runs."""
    return fingerprint(f"brainvis.commands.{stage}")


def each(flag, files):
    """``flag file`` for every file."""
    return " ".join(f"{flag} {file}" for file in files)


def options(**flags):
    """Params function: ``--flag file`` for every file of the named inputs."""

    def text(wildcards, input):
        named = {name: input.get(name, []) for name in flags}
        lists = {
            n: [files] if isinstance(files, str) else files
            for n, files in named.items()
        }
        return " ".join(
            each(flag, lists[name]) for name, flag in flags.items() if lists[name]
        )

    return text


def memory(mib):
    """Resources function: more memory at every retry."""
    return lambda wildcards, attempt: mib * attempt


def prior_of(wildcards):
    """Prior images of a decoder that uses them."""
    return LAYOUT.prior if RUN.decoders[wildcards.method].prior else []


def features_of(wildcards):
    """Features that an image decoder reads."""
    space = RUN.decoders[wildcards.method].features
    return LAYOUT.features(space) if space else []


def decoded_space(wildcards):
    """Features that a feature decoder predicts; nothing of those that the encoders give."""
    decoder = RUN.feature_decoders.get(wildcards.method)
    return LAYOUT.features(decoder.features) if decoder else []


def flow_features_of(wildcards):
    """Features of first frames that a flow decoder reads."""
    space = RUN.motion.decoders[wildcards.method].features
    return LAYOUT.features(space) if space else []


def flow_of(wildcards):
    """Decoded flow that an animator follows; the targets where it takes the true one or none."""
    flow = getattr(RUN.animators[wildcards.method], "flow", TRUE)
    if flow == TRUE:
        return LAYOUT.flow_targets
    return LAYOUT.flow(wildcards.subject, wildcards.split, flow)


def first_frames_of(wildcards):
    """Decoded images that an animator moves; nothing where it moves the true first frames."""
    first = RUN.animators[wildcards.method].first
    return (
        []
        if first == TRUE
        else LAYOUT.images(wildcards.subject, wildcards.split, first)
    )


def animator_tokens(wildcards):
    """Decoded tokens that condition an animator."""
    tokens = getattr(RUN.animators[wildcards.method], "tokens", None)
    return LAYOUT.decoded(wildcards.subject, wildcards.split, tokens) if tokens else []


def object_vectors(wildcards):
    """Decoded features that objects are made from."""
    return [
        LAYOUT.decoded(wildcards.subject, wildcards.split, method)
        for method in RUN.objects.vectors
    ]


def object_images(wildcards):
    """Decoded images that objects are made from."""
    return [
        LAYOUT.images(wildcards.subject, wildcards.split, method)
        for method in RUN.objects.images
    ]


def object_image_vectors(wildcards):
    """Features of decoded images that objects are made from."""
    return [
        LAYOUT.image_features(
            wildcards.subject, wildcards.split, method, RUN.objects.space
        )
        for method in RUN.objects.seen_images
    ]


RUN = or_stop(
    validated,
    dict(config),
    workflow.configfiles[-1] if workflow.configfiles else "--config",
)
LAYOUT = Layout(or_stop(run_folder, RUN))
DATASET = RUN.dataset.name
RETRIES = 1
if RUN.cache:
    os.environ.setdefault("BRAINVIS_CACHE", os.path.abspath(RUN.cache))

# Where BOLD comes from, and what of a data set there is.
SIMULATED, MEASURED_BOLD = DATASET == "simulated", DATASET == "bids"
BIDS_ROOT = LAYOUT.bids
if MEASURED_BOLD:
    BIDS_ROOT = or_stop(find_data, RUN.dataset.folder).as_posix()
HAS_IMAGES = not MEASURED_BOLD or RUN.dataset.image_size is not None
HAS_BOLD = SIMULATED or MEASURED_BOLD
FOLDER = None if HAS_BOLD else or_stop(find_data, RUN.dataset.folder).as_posix()
SPLITS = LAYOUT.splits if HAS_IMAGES else []
BIDS_LABELS = " ".join(
    f"--{name} {label}"
    for name in ("task", "space")
    if (label := getattr(RUN.dataset, name, None))
)

# Every file of the run, by stage.
BETAS = [LAYOUT.betas(subject) for subject in RUN.subjects] if HAS_BOLD else []
RESPONSES = (
    [LAYOUT.responses(subject) for subject in RUN.subjects] if HAS_IMAGES else []
)
SPLIT_SPACES = [LAYOUT.features(space) for space in RUN.split_spaces]
SPACES = [LAYOUT.features(space) for space in RUN.features]
CASES = [(subject, split) for subject in RUN.subjects for split in RUN.splits]
IMAGES = [
    LAYOUT.images(*case, method) for case in CASES for method in RUN.image_methods
]
IMAGE_FEATURES = [
    LAYOUT.image_features(*case, method, space)
    for case in CASES
    for method in RUN.image_methods
    for space in RUN.evaluate.features
]
DECODED = [
    LAYOUT.decoded(*case, method) for case in CASES for method in RUN.feature_decoders
]
BASELINES = " ".join(f"--baseline {name}" for name in RUN.baselines)
TRUTHS = [LAYOUT.truth(subject) for subject in RUN.subjects]
# Encoding models: what they are made of, and which there are of each subject.
ENCODERS = RUN.encoders is not None
BACKBONE = [LAYOUT.features(s) for s in RUN.encoders.backbone] if ENCODERS else []
STILL = [  # spaces that a photograph has
    space
    for space in (RUN.encoders.backbone if ENCODERS else [])
    if RUN.features[space].kind != "motion-energy"
]
ENCODED = [
    LAYOUT.encoder_scores(subject, ".csv")
    for subject in (RUN.subjects if ENCODERS else [])
]
ENCODED_VOXELS = [
    LAYOUT.encoder_scores(subject, ".h5")
    for subject in (RUN.subjects if ENCODERS else [])
]
SYNTHETIC = [
    LAYOUT.synthetic(subject) for subject in (RUN.subjects if ENCODERS else [])
]
CLUSTERS = [
    file
    for method in (RUN.clusters.methods if ENCODERS else [])
    for file in [
        LAYOUT.clusters(method),
        *(LAYOUT.assigned_clusters(s, method) for s in RUN.new_subjects),
    ]
]


def models_of(subject):
    """Linear encoding models of a subject: method and number of images."""
    few = IN_CONTEXT if subject in RUN.new_subjects else ()
    ridge = [("ridge", n) for n in CONTEXTS]
    return [("shuffled", "all"), *ridge, *((m, n) for m in few for n in CONTEXTS)]


def embeddings_of(subject):
    """File of the universal encoder's embeddings that holds a subject."""
    new = subject in RUN.new_subjects
    return LAYOUT.adapted_embeddings(subject) if new else LAYOUT.trained_embeddings


def own_model(wildcards):
    """Settings of the model of a job."""
    return RUN.brain_models[wildcards.model]


def began_as(wildcards):
    """Name of the model that a jointly tuned one began as; its own otherwise."""
    tuned = RUN.joint.get(wildcards.model)
    return tuned.model if tuned else wildcards.model


def tuned_folder(wildcards):
    """Generator of this run that images are drawn by; nothing where it comes from outside."""
    folder = RUN.generators[wildcards.method].folder
    return LAYOUT.tuned_generator(folder) if folder in RUN.joint else []


def spaces_of(wildcards):
    """Features of the stimuli that a model decodes."""
    return [LAYOUT.features(space) for space in own_model(wildcards).spaces]


def unseen_of(wildcards):
    """Features of images that no subject saw, where the data set has such images."""
    spaces = own_model(wildcards).spaces if SIMULATED else []
    return [LAYOUT.prior_features(space) for space in spaces]


def contrasted_of(wildcards):
    """Keys of the feature spaces whose scales a contrastive loss needs to know."""
    own = own_model(wildcards)
    return [f"features.{space}" for space in own.spaces] if own.contrast else []


def voxels_of(wildcards):
    """File of a model's voxel embeddings that holds a subject."""
    if wildcards.subject in RUN.new_subjects:
        return LAYOUT.transferred_voxels(wildcards.subject, wildcards.model)
    return LAYOUT.interaction_voxels(wildcards.model)


def low_level_space(wildcards):
    """Feature space that a low-level branch makes images from."""
    return RUN.decoded_spaces[RUN.low_level[wildcards.method].decoded]


def start_of(wildcards):
    """Reconstruction by an image decoder or a low-level branch where denoising starts."""
    start = RUN.generators[wildcards.method].start
    return LAYOUT.images(wildcards.subject, wildcards.split, start) if start else []


def few_decoded(method):
    """Vectors decoded by a method at every share, those of all trials made by other rules."""
    return [
        (
            LAYOUT.decoded(s, "main", method)
            if n == 1
            else LAYOUT.few_decoded(s, n, method)
        )
        for s, n in FEW_CASES
    ]


def samples_of(wildcards):
    """All samples of the generator that a method chooses among."""
    case, own = (wildcards.subject, wildcards.split), RUN.best_of[wildcards.method]
    further = range(1, RUN.generators[own].samples)
    return [LAYOUT.images(*case, own), *(LAYOUT.sample(*case, own, k) for k in further)]


# Every new subject at every share, the whole of its trials last.
FEW_CASES = [(s, n) for n in (*RUN.few_trials.shares, 1) for s in RUN.new_subjects]
PROMPTED = "all"
if ENCODERS and RUN.encoders.prompt_images is not None:
    PROMPTED = str(RUN.encoders.prompt_images)
SELECTED = [
    LAYOUT.selectivity(subject) for subject in RUN.new_subjects if RUN.encoders.prompts
]
IN_CONTEXT = ("in-context", "in-context-prior")
CONTEXTS = [str(n) for n in (*RUN.encoders.contexts, "all")] if ENCODERS else []
FEW = CONTEXTS[:-1]  # those that leave a subject training images to decode
if ENCODERS and RUN.encoders.prompt_space and FEW:
    IN_CONTEXT_DECODERS = [f"in-context-{n}" for n in CONTEXTS]
    DECODED += [
        LAYOUT.decoded(subject, "main", method)
        for subject in RUN.new_subjects
        for method in IN_CONTEXT_DECODERS
    ]
else:
    IN_CONTEXT_DECODERS = []
BRAIN_IT = [
    LAYOUT.decoded(subject, "main", f"{model}-{control}{space}")
    for subject in RUN.subjects
    for model, own in RUN.brain_models.items()
    for space in own.spaces
    for control in ("", "shuffled-")
]
DECODED += BRAIN_IT
SEEN_IMAGE = "seen-image"  # what the encoder says of the image that was seen
PREDICTED = [
    LAYOUT.predicted(subject, "main", method)
    for subject in (RUN.subjects if STILL and RUN.image_methods else [])
    for method in (*RUN.image_methods, SEEN_IMAGE)
]
# Motion: flow decoded from movies, clips animated by it, voxels that answer to motion.
MOTION = RUN.motion is not None
FLOWS = [
    LAYOUT.flow(*case, method)
    for case in CASES
    for method in (RUN.motion.decoders if MOTION else [])
]
CLIPS = [LAYOUT.clips(*case, method) for case in CASES for method in RUN.animators]
MOVIE_ENCODING = RUN.motion.encoding if MOTION else None
MOVIE_SPACES = (
    [LAYOUT.features(s) for s in (MOVIE_ENCODING.image, *MOVIE_ENCODING.video)]
    if MOVIE_ENCODING
    else []
)
MOVIE_ENCODED, MOVIE_ENCODED_VOXELS = (
    [LAYOUT.movie_encoding(s, end) for s in (RUN.subjects if MOVIE_ENCODING else [])]
    for end in (".csv", ".h5")
)
VIDEOS = {
    "video_scores": LAYOUT.metrics("video", ".parquet") if MOTION else [],
    "video_summary": LAYOUT.metrics("video_summary", ".csv") if MOTION else [],
    "video_protocols": LAYOUT.metrics("video_protocols", ".csv") if MOTION else [],
    "movie_encoding": MOVIE_ENCODED,
    "movie_voxels": MOVIE_ENCODED_VOXELS,
    "videos": LAYOUT.videos if CLIPS else [],
    "movie_tuning": (
        LAYOUT.metrics("movie_tuning", ".csv") if MOVIE_ENCODED and SIMULATED else []
    ),
}
# 3D objects: decoded ones with their baselines, and those of disordered brains.
OBJECTS_3D = RUN.objects is not None
OBJECT_METHODS = list(RUN.objects.methods) if OBJECTS_3D else []
OBJECTS = [LAYOUT.objects(*case, method) for case in CASES for method in OBJECT_METHODS]
OBJECTS_SHOWN = [
    LAYOUT.objects(*case, method)
    for case in CASES
    for method in OBJECT_METHODS
    if method not in RUN.object_baselines
]
LESIONED = CASES if OBJECTS_3D and RUN.objects.lesions else []
OBJECT_RESULTS = {
    "objects": OBJECTS,
    "object_truth": LAYOUT.meshes if OBJECTS_3D else [],
    "object_scores": LAYOUT.metrics("objects", ".parquet") if OBJECTS_3D else [],
    "object_summary": LAYOUT.metrics("objects_summary", ".csv") if OBJECTS_3D else [],
    "object_protocols": (
        LAYOUT.metrics("objects_protocols", ".csv") if OBJECTS_3D else []
    ),
    "object_differences": (
        LAYOUT.metrics("objects_differences", ".csv") if OBJECTS_3D else []
    ),
    "diagnosis": [LAYOUT.lesions(*case, "diagnosis") for case in LESIONED],
    "signs": [LAYOUT.lesions(*case, "signs") for case in LESIONED],
}
REPORTED = {
    **VIDEOS,
    **OBJECT_RESULTS,
    "stimuli": LAYOUT.stimuli if HAS_IMAGES else [],
    "images": IMAGES if HAS_IMAGES else [],
    "table": LAYOUT.metrics("scores", ".parquet") if HAS_IMAGES else [],
    "summary": LAYOUT.metrics("summary", ".csv") if HAS_IMAGES else [],
    "protocols": LAYOUT.metrics("protocols", ".csv") if HAS_IMAGES else [],
    "retrieval": LAYOUT.metrics("retrieval", ".csv") if DECODED else [],
    "differences": (
        LAYOUT.metrics("differences", ".csv") if RUN.evaluate.compare else []
    ),
    "budgets": LAYOUT.metrics("budgets", ".csv") if RUN.few_trials.shares else [],
    "brain": LAYOUT.metrics("brain", ".csv") if PREDICTED else [],
    "responses": RESPONSES or BETAS,
    "classification": (
        LAYOUT.metrics("classification", ".csv") if not HAS_IMAGES else []
    ),
    "recovery": LAYOUT.metrics("recovery", ".csv") if SIMULATED else [],
    "encoders": ENCODED,
    "selectivity": SELECTED,
    "encoder_voxels": ENCODED_VOXELS,
    "clusters": LAYOUT.metrics("clusters", ".csv") if ENCODERS and SIMULATED else [],
    "atlas": LAYOUT.clusters(RUN.clusters.methods[0]) if ENCODERS else [],
}
