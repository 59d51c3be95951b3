# Motion: flow from responses to movies, first frames animated by it, encoding of movies, scores.


rule movie_targets:
    input:
        LAYOUT.stimuli,
    output:
        LAYOUT.flow_targets,
    log:
        LAYOUT.log("movie_targets"),
    benchmark:
        LAYOUT.benchmark("movie_targets")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        config=settings("motion.targets"),
        code=code("movie_targets"),
    message:
        "Flow of the clips"
    shell:
        "brainvis movie targets --config {params.config:q} --stimuli {input} --out {output} "
        "--log {log}"


rule movie_decode:
    input:
        responses=LAYOUT.movie("{subject}"),
        targets=LAYOUT.flow_targets,
        features=flow_features_of,
        stimuli=LAYOUT.stimuli,
        splits=LAYOUT.splits,
    output:
        LAYOUT.flow("{subject}", "{split}", "{method}"),
    log:
        LAYOUT.log("movie_decode", sub="{subject}", split="{split}", method="{method}"),
    benchmark:
        LAYOUT.benchmark(
            "movie_decode", sub="{subject}", split="{split}", method="{method}"
        )
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=120,
    params:
        config=settings("motion.decoders.{method}"),
        code=code("movie_decode"),
        features=options(features="--features"),
    message:
        "Decoding flow of subject {wildcards.subject} by {wildcards.method}"
    shell:
        "brainvis movie decode --config {params.config:q} --method {wildcards.method} "
        "--responses {input.responses} --targets {input.targets} {params.features} "
        "--stimuli {input.stimuli} --splits {input.splits} --split {wildcards.split} --out {output} --log {log}"


rule movie_animate:
    input:
        flow=flow_of,
        stimuli=LAYOUT.stimuli,
        first=first_frames_of,
        tokens=animator_tokens,
        splits=LAYOUT.splits,
    output:
        LAYOUT.clips("{subject}", "{split}", "{method}"),
    log:
        LAYOUT.log("movie_animate", sub="{subject}", split="{split}", method="{method}"),
    benchmark:
        LAYOUT.benchmark(
            "movie_animate", sub="{subject}", split="{split}", method="{method}"
        )
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=120,
    params:
        config=settings("animators.{method}"),
        code=code("movie_animate"),
        files=options(first="--first", tokens="--tokens"),
    message:
        "Animating clips of subject {wildcards.subject} by {wildcards.method}"
    shell:
        "brainvis movie animate --config {params.config:q} --method {wildcards.method} "
        "--flow {input.flow} --stimuli {input.stimuli} {params.files} "
        "--subject {wildcards.subject} --splits {input.splits} --split {wildcards.split} "
        "--out {output} --log {log}"


rule movie_encode:
    input:
        responses=LAYOUT.movie("{subject}"),
        features=MOVIE_SPACES,
        splits=LAYOUT.splits,
    output:
        scores=LAYOUT.movie_encoding("{subject}", ".h5"),
        table=LAYOUT.movie_encoding("{subject}", ".csv"),
    log:
        LAYOUT.log("movie_encode", sub="{subject}"),
    benchmark:
        LAYOUT.benchmark("movie_encode", sub="{subject}")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=120,
    params:
        config=settings("motion.encoding"),
        code=code("movie_encode"),
        features=options(features="--features"),
    message:
        "Predicting the movie responses of subject {wildcards.subject}"
    shell:
        "brainvis movie encode --config {params.config:q} --responses {input.responses} "
        "{params.features} --splits {input.splits} --out {output.scores} --table {output.table} "
        "--log {log}"


rule movie_score:
    input:
        stimuli=LAYOUT.stimuli,
        targets=LAYOUT.flow_targets,
        flow=FLOWS,
        clips=CLIPS,
        encoding=MOVIE_ENCODED_VOXELS,
    output:
        table=LAYOUT.metrics("video", ".parquet"),
        summary=LAYOUT.metrics("video_summary", ".csv"),
        protocols=LAYOUT.metrics("video_protocols", ".csv"),
    log:
        LAYOUT.log("movie_score"),
    benchmark:
        LAYOUT.benchmark("movie_score")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    threads: 2
    resources:
        mem_mb=memory(3000),
        runtime=60,
    params:
        config=settings(
            "motion.score", "features", "evaluate.bootstrap", "evaluate.permutations"
        ),
        code=code("movie_score"),
        files=options(flow="--flow", clips="--clips", encoding="--encoding"),
    message:
        "Scoring decoded motion and clips"
    shell:
        "brainvis movie score --config {params.config:q} --stimuli {input.stimuli} "
        "--targets {input.targets} {params.files} --threads {threads} --out {output.table} "
        "--summary {output.summary} --protocols {output.protocols} --log {log}"


rule movie_show:
    input:
        stimuli=LAYOUT.stimuli,
        targets=LAYOUT.flow_targets,
        flow=FLOWS,
        clips=CLIPS,
    output:
        directory(LAYOUT.videos),
    log:
        LAYOUT.log("movie_show"),
    benchmark:
        LAYOUT.benchmark("movie_show")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        config=settings(),
        code=code("movie_show"),
        files=options(flow="--flow", clips="--clips"),
    message:
        "Filming decoded clips beside the true ones"
    shell:
        "brainvis movie show --config {params.config:q} --stimuli {input.stimuli} "
        "--targets {input.targets} {params.files} --out {output} --log {log}"
