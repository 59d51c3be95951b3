# Scores of all methods, beside chance and baselines.


rule metrics:
    input:
        stimuli=LAYOUT.stimuli,
        images=IMAGES,
        features=SPACES,
        image_features=IMAGE_FEATURES,
        decoded=DECODED,
    output:
        table=LAYOUT.metrics("scores", ".parquet"),
        summary=LAYOUT.metrics("summary", ".csv"),
    log:
        LAYOUT.log("metrics"),
    benchmark:
        LAYOUT.benchmark("metrics")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=60,
    params:
        config=settings("evaluate"),
        code=code("metrics"),
        files=options(
            images="--images",
            features="--features",
            image_features="--image-features",
            decoded="--decoded",
        ),
        baselines=BASELINES,
    message:
        "Scoring"
    shell:
        "brainvis metrics --config {params.config:q} --stimuli {input.stimuli} {params.files} "
        "{params.baselines} --out {output.table} --summary {output.summary} --log {log}"


rule classify:
    input:
        betas=BETAS,
    output:
        LAYOUT.metrics("classification", ".csv"),
    log:
        LAYOUT.log("classify"),
    benchmark:
        LAYOUT.benchmark("classify")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=60,
    params:
        config=settings("evaluate"),
        code=code("classify"),
        files=options(betas="--betas"),
    message:
        "Classifying categories"
    shell:
        "brainvis classify --config {params.config:q} {params.files} --out {output} --log {log}"
