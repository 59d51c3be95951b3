# Splits by stimulus, and responses normalised with training statistics.


rule splits:
    input:
        stimuli=LAYOUT.stimuli,
        published=[] if HAS_BOLD else LAYOUT.published,
        features=SPLIT_SPACES,
    output:
        splits=LAYOUT.splits,
    log:
        LAYOUT.log("splits"),
    benchmark:
        LAYOUT.benchmark("splits")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        config=settings("splits"),
        code=code("splits"),
        files=options(published="--published", features="--features"),
    message:
        "Splitting stimuli into training and test"
    shell:
        "brainvis splits --config {params.config:q} --stimuli {input.stimuli} {params.files} "
        "--out {output.splits} --log {log}"
