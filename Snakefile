# brainvis: from fMRI to reconstructions. `snakemake` makes the report of the demo;
# `snakemake <target> --configfile workflows/config/<name>.yaml` any stage of any run.
from snakemake.utils import min_version

min_version("9.19")

if (
    "dataset" not in config
):  # a configuration replaces the demo, it is not merged into it

    configfile: "workflows/config/demo.yaml"


report: "workflows/report/workflow.rst"


wildcard_constraints:
    subject=r"[A-Za-z0-9]+",
    split=r"[A-Za-z0-9-]+",
    method=r"[A-Za-z0-9-]+",
    space=r"[A-Za-z0-9-]+",
    images=r"[0-9]+|all",


include: "workflows/common.smk"


rule all:
    input:
        LAYOUT.report,


include: f"workflows/{DATASET}.smk"


if HAS_BOLD:

    include: "workflows/betas.smk"


include: "workflows/prepare.smk"
include: "workflows/features.smk"
include: "workflows/decode.smk"


if ENCODERS:

    include: "workflows/encode.smk"
    include: "workflows/clusters.smk"
    include: "workflows/interaction.smk"


if RUN.few_trials.shares:

    include: "workflows/few.smk"


if RUN.joint:

    include: "workflows/joint.smk"


if RUN.generators:

    include: "workflows/generate.smk"


if MOTION:

    if SIMULATED:

        include: "workflows/movie_simulated.smk"
    include: "workflows/movie.smk"


if OBJECTS_3D:

    include: "workflows/objects.smk"


include: "workflows/evaluate.smk"
include: "workflows/report.smk"
include: "workflows/measured.smk"
include: "workflows/targets.smk"
