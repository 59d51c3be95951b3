# 3D objects: shape latents, decoding with baselines, disordered regions, scores, pictures.


rule objects_latents:
    input:
        stimuli=LAYOUT.stimuli,
        meshes=LAYOUT.meshes,
    output:
        LAYOUT.shape_latents,
    log:
        LAYOUT.log("objects_latents"),
    benchmark:
        LAYOUT.benchmark("objects_latents")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    threads: 2
    resources:
        mem_mb=memory(3000),
        runtime=30,
    params:
        config=settings("objects.generator"),
        code=code("objects_latents"),
    message:
        "Shape latents of the stimuli"
    shell:
        "brainvis objects latents --config {params.config:q} --stimuli {input.stimuli} "
        "--meshes {input.meshes} --out {output} --workers {threads} --log {log}"


rule objects_decode:
    input:
        stimuli=LAYOUT.stimuli,
        features=LAYOUT.features(RUN.objects.space),
        vectors=object_vectors,
        images=object_images,
        image_vectors=object_image_vectors,
        meshes=LAYOUT.meshes,
        latents=(LAYOUT.shape_latents if RUN.objects.needs_latents else []),
        splits=LAYOUT.splits,
    output:
        [LAYOUT.objects("{subject}", "{split}", method) for method in OBJECT_METHODS],
    log:
        LAYOUT.log("objects_decode", sub="{subject}", split="{split}"),
    benchmark:
        LAYOUT.benchmark("objects_decode", sub="{subject}", split="{split}")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=120,
    params:
        config=settings("objects.generator", "objects.methods"),
        code=code("objects_decode"),
        files=options(
            vectors="--vectors",
            images="--images",
            image_vectors="--image-vectors",
            latents="--latents",
        ),
        methods=each("--method", OBJECT_METHODS),
        outs=lambda wildcards, output: each("--out", output),
    message:
        "Decoding objects of subject {wildcards.subject}"
    shell:
        "brainvis objects decode --config {params.config:q} --stimuli {input.stimuli} "
        "--features {input.features} {params.files} --meshes {input.meshes} "
        "--splits {input.splits} --split {wildcards.split} --subject {wildcards.subject} "
        "{params.methods} {params.outs} --log {log}"


rule objects_diagnose:
    input:
        responses=LAYOUT.responses("{subject}"),
        betas=LAYOUT.betas("{subject}"),
        features=LAYOUT.features(RUN.objects.space),
        stimuli=LAYOUT.stimuli,
        meshes=LAYOUT.meshes,
        splits=LAYOUT.splits,
    output:
        table=LAYOUT.lesions("{subject}", "{split}", "diagnosis"),
        signs=LAYOUT.lesions("{subject}", "{split}", "signs"),
    log:
        LAYOUT.log("objects_diagnose", sub="{subject}", split="{split}"),
    benchmark:
        LAYOUT.benchmark("objects_diagnose", sub="{subject}", split="{split}")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    threads: 1
    resources:
        mem_mb=memory(3000),
        runtime=120,
    params:
        config=settings("objects.generator", "objects.lesions", "evaluate.bootstrap"),
        code=code("objects_diagnose"),
    message:
        "Disordering regions of subject {wildcards.subject}"
    shell:
        "brainvis objects diagnose --config {params.config:q} --responses {input.responses} "
        "--betas {input.betas} --features {input.features} --stimuli {input.stimuli} --meshes {input.meshes} "
        "--splits {input.splits} --split {wildcards.split} --table {output.table} "
        "--signs {output.signs} --log {log}"


rule objects_score:
    input:
        truth=LAYOUT.meshes,
        stimuli=LAYOUT.stimuli,
        objects=OBJECTS,
    output:
        table=LAYOUT.metrics("objects", ".parquet"),
        summary=LAYOUT.metrics("objects_summary", ".csv"),
        protocols=LAYOUT.metrics("objects_protocols", ".csv"),
        differences=LAYOUT.metrics("objects_differences", ".csv"),
    log:
        LAYOUT.log("objects_score"),
    benchmark:
        LAYOUT.benchmark("objects_score")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    threads: 2
    resources:
        mem_mb=memory(3000),
        runtime=60,
    params:
        config=settings(
            "evaluate.bootstrap",
            "evaluate.permutations",
            "evaluate.visual",
            "evaluate.device",
        ),
        code=code("objects_score"),
        files=options(objects="--objects"),
        baselines=each("--baseline", RUN.object_baselines),
    message:
        "Scoring decoded objects"
    shell:
        "brainvis objects score --config {params.config:q} --truth {input.truth} --threads {threads} "
        "--stimuli {input.stimuli} {params.files} {params.baselines} --out {output.table} "
        "--summary {output.summary} --protocols {output.protocols} "
        "--differences {output.differences} --log {log}"


rule objects_show:
    input:
        truth=LAYOUT.meshes,
        stimuli=LAYOUT.stimuli,
        objects=OBJECTS_SHOWN,
    output:
        directory(LAYOUT.shown_objects),
    log:
        LAYOUT.log("objects_show"),
    benchmark:
        LAYOUT.benchmark("objects_show")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        config=settings(),
        code=code("objects_show"),
        files=options(objects="--objects"),
    message:
        "Turning decoded objects beside the true ones"
    shell:
        "brainvis objects show --config {params.config:q} --stimuli {input.stimuli} "
        "--truth {input.truth} {params.files} --out {output} --log {log}"
