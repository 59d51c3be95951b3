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
        protocols=LAYOUT.metrics("protocols", ".csv"),
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
        config=settings(*SCORE_KEYS),
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
        "{params.baselines} --out {output.table} --summary {output.summary} "
        "--protocols {output.protocols} --log {log}"


rule retrieval:
    input:
        features=SPACES,
        decoded=DECODED,
    output:
        LAYOUT.metrics("retrieval", ".csv"),
    log:
        LAYOUT.log("retrieval"),
    benchmark:
        LAYOUT.benchmark("retrieval")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        config=settings(*RETRIEVAL_KEYS),
        code=code("retrieval"),
        files=options(features="--features", decoded="--decoded"),
    message:
        "Retrieving seen images by decoded vectors"
    shell:
        "brainvis retrieval --config {params.config:q} {params.files} --out {output} --log {log}"


rule compare:
    input:
        LAYOUT.metrics("scores", ".parquet"),
    output:
        LAYOUT.metrics("differences", ".csv"),
    log:
        LAYOUT.log("compare"),
    benchmark:
        LAYOUT.benchmark("compare")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=20,
    params:
        config=settings(*COMPARE_KEYS),
        code=code("compare"),
    message:
        "Comparing methods stimulus by stimulus"
    shell:
        "brainvis compare --config {params.config:q} --table {input} --out {output} --log {log}"


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
