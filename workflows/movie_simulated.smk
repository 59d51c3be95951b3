# Simulated subjects watch the world's clips as a movie. A measured movie takes the place of these
# rules with whatever makes LAYOUT.movie of every subject.


rule movie_dataset:
    output:
        LAYOUT.movie_dataset,
    log:
        LAYOUT.log("movie_dataset"),
    benchmark:
        LAYOUT.benchmark("movie_dataset")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        config=settings("dataset.brain", "motion.movie"),
        code=code("movie_dataset"),
        root=subpath(output[0], parent=True),
    message:
        "Writing the data-set level of the movie's BIDS tree"
    shell:
        "brainvis movie dataset --config {params.config:q} --root {params.root} --log {log}"


rule movie_simulate:
    input:
        stimuli=LAYOUT.stimuli,
        channels=LAYOUT.channels,
        splits=LAYOUT.splits,
    output:
        directory(LAYOUT.movie_subject("{subject}")),
    log:
        LAYOUT.log("movie_simulate", sub="{subject}"),
    benchmark:
        LAYOUT.benchmark("movie_simulate", sub="{subject}")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        config=settings("dataset.brain", "motion.movie"),
        code=code("movie_simulate"),
    message:
        "Simulating subject {wildcards.subject} watching the movie"
    shell:
        "brainvis movie simulate --config {params.config:q} --stimuli {input.stimuli} "
        "--channels {input.channels} --splits {input.splits} --subject {wildcards.subject} "
        "--out {output} --log {log}"


rule movie_responses:
    input:
        subject=LAYOUT.movie_subject("{subject}"),
        dataset=LAYOUT.movie_dataset,
        stimuli=LAYOUT.stimuli,
        splits=LAYOUT.splits,
    output:
        LAYOUT.movie("{subject}"),
    log:
        LAYOUT.log("movie_responses", sub="{subject}"),
    benchmark:
        LAYOUT.benchmark("movie_responses", sub="{subject}")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        config=settings("preprocess"),
        code=code("movie_responses"),
        root=subpath(input.dataset, parent=True),
    message:
        "Averaging the movie's passes of subject {wildcards.subject}"
    shell:
        "brainvis movie responses --config {params.config:q} --bids {params.root} "
        "--subject {wildcards.subject} --stimuli {input.stimuli} --splits {input.splits} "
        "--out {output} --log {log}"


if MOVIE_ENCODING:

    rule movie_judge:
        input:
            scores=MOVIE_ENCODED_VOXELS,
            truth=TRUTHS,
        output:
            LAYOUT.metrics("movie_tuning", ".csv"),
        log:
            LAYOUT.log("movie_judge"),
        benchmark:
            LAYOUT.benchmark("movie_judge")
        retries: RETRIES
        conda:
            "envs/brainvis.yaml"
        resources:
            mem_mb=memory(1000),
            runtime=10,
        params:
            config=settings(),
            code=code("movie_judge"),
            files=options(scores="--scores", truth="--truth"),
        message:
            "Judging movie encoding by the simulated truth"
        shell:
            "brainvis movie judge --config {params.config:q} {params.files} --table {output} "
            "--log {log}"
