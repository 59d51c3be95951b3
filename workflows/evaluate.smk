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


if PREDICTED:

    rule encode_predict:
        input:
            features=[
                LAYOUT.image_features("{subject}", "main", method, space)
                for method in RUN.image_methods
                for space in STILL
            ],
            seen=[LAYOUT.features(space) for space in STILL],
            encoder=LAYOUT.universal,
            embeddings=lambda w: embeddings_of(w.subject),
        output:
            [
                LAYOUT.predicted("{subject}", "main", method)
                for method in (*RUN.image_methods, SEEN_IMAGE)
            ],
        log:
            LAYOUT.log("encode_predict", sub="{subject}"),
        benchmark:
            LAYOUT.benchmark("encode_predict", sub="{subject}")
        retries: RETRIES
        conda:
            "envs/brainvis.yaml"
        resources:
            mem_mb=memory(4000),
            runtime=60,
        params:
            config=settings(),
            code=code("encode_predict"),
            files=options(features="--features", seen="--features"),
            methods=each("--method", (*RUN.image_methods, SEEN_IMAGE)),
            out=lambda wildcards, output: each("--out", output),
        message:
            "Predicting what sub-{wildcards.subject} would answer to reconstructions"
        shell:
            "brainvis encode predict --config {params.config:q} {params.files} "
            "--encoder {input.encoder} --embeddings {input.embeddings} "
            "--subject {wildcards.subject} {params.methods} {params.out} --log {log}"

    rule brain:
        input:
            responses=RESPONSES,
            predicted=PREDICTED,
            splits=SPLITS,
        output:
            table=LAYOUT.metrics("brain_scores", ".parquet"),
            summary=LAYOUT.metrics("brain", ".csv"),
        log:
            LAYOUT.log("brain"),
        benchmark:
            LAYOUT.benchmark("brain")
        retries: RETRIES
        conda:
            "envs/brainvis.yaml"
        resources:
            mem_mb=memory(3000),
            runtime=60,
        params:
            config=settings(*BRAIN_KEYS),
            code=code("brain"),
            files=options(responses="--responses", predicted="--predicted"),
            baselines=BASELINES,
        message:
            "Comparing predicted responses to reconstructions with measured ones"
        shell:
            "brainvis brain --config {params.config:q} {params.files} --splits {input.splits} "
            "{params.baselines} --table {output.table} --summary {output.summary} --log {log}"
