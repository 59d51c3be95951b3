# Images from what was decoded: coarse ones of the low-level branch, then by a diffusion model.


rule generate_low_level:
    input:
        decoded=lambda w: LAYOUT.decoded(
            w.subject, w.split, RUN.low_level[w.method].decoded
        ),
        splits=SPLITS,
    output:
        LAYOUT.images("{subject}", "{split}", "{method}"),
    log:
        LAYOUT.log(
            "generate_low_level", sub="{subject}", split="{split}", method="{method}"
        ),
    benchmark:
        LAYOUT.benchmark(
            "generate_low_level", sub="{subject}", split="{split}", method="{method}"
        )
    wildcard_constraints:
        method="|".join(RUN.low_level) or "none",
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=240,
    params:
        config=lambda w: settings_text(
            RUN, f"low_level.{w.method}", f"features.{low_level_space(w)}"
        ),
        code=code("generate_low_level"),
        space=lambda w: low_level_space(w),
    message:
        "Coarse images of subject {wildcards.subject} by {wildcards.method}"
    shell:
        "brainvis generate low-level --config {params.config:q} --decoded {input.decoded} "
        "--space {params.space} --splits {input.splits} --split {wildcards.split} "
        "--method {wildcards.method} --out {output} --log {log}"


rule generate_images:
    input:
        tokens=lambda w: LAYOUT.decoded(
            w.subject, w.split, RUN.generators[w.method].tokens
        ),
        start=start_of,
        generator=tuned_folder,
        splits=SPLITS,
    output:
        LAYOUT.images("{subject}", "{split}", "{method}"),
    log:
        LAYOUT.log(
            "generate_images", sub="{subject}", split="{split}", method="{method}"
        ),
    benchmark:
        LAYOUT.benchmark(
            "generate_images", sub="{subject}", split="{split}", method="{method}"
        )
    wildcard_constraints:
        method="|".join(RUN.generators) or "none",
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=240,
    params:
        config=settings("generators.{method}"),
        code=code("generate_images"),
        start=options(start="--start", generator="--generator"),
    message:
        "Generating images of subject {wildcards.subject} by {wildcards.method}"
    shell:
        "brainvis generate images --config {params.config:q} --tokens {input.tokens} "
        "{params.start} --splits {input.splits} --split {wildcards.split} "
        "--method {wildcards.method} --out {output} --log {log}"


if RUN.best_of:

    rule generate_sample:
        input:
            tokens=lambda w: LAYOUT.decoded(
                w.subject, w.split, RUN.generators[w.method].tokens
            ),
            start=start_of,
            splits=SPLITS,
        output:
            LAYOUT.sample("{subject}", "{split}", "{method}", "{sample}"),
        log:
            LAYOUT.log(
                "generate_sample",
                sub="{subject}",
                split="{split}",
                method="{method}",
                sample="{sample}",
            ),
        benchmark:
            LAYOUT.benchmark(
                "generate_sample",
                sub="{subject}",
                split="{split}",
                method="{method}",
                sample="{sample}",
            )
        retries: RETRIES
        conda:
            "envs/brainvis.yaml"
        resources:
            mem_mb=memory(4000),
            runtime=240,
        params:
            config=settings("generators.{method}"),
            code=code("generate_images"),
            start=options(start="--start"),
        message:
            "Sample {wildcards.sample} of subject {wildcards.subject} by {wildcards.method}"
        shell:
            "brainvis generate images --config {params.config:q} --tokens {input.tokens} "
            "{params.start} --splits {input.splits} --split {wildcards.split} "
            "--method {wildcards.method} --sample {wildcards.sample} --out {output} --log {log}"

    rule generate_best:
        input:
            samples=samples_of,
            responses=LAYOUT.responses("{subject}"),
            encoder=LAYOUT.universal,
            embeddings=lambda w: embeddings_of(w.subject),
            splits=SPLITS,
        output:
            LAYOUT.images("{subject}", "{split}", "{method}"),
        log:
            LAYOUT.log(
                "generate_best", sub="{subject}", split="{split}", method="{method}"
            ),
        benchmark:
            LAYOUT.benchmark(
                "generate_best", sub="{subject}", split="{split}", method="{method}"
            )
        wildcard_constraints:
            method="|".join(RUN.best_of),
        retries: RETRIES
        conda:
            "envs/brainvis.yaml"
        resources:
            mem_mb=memory(4000),
            runtime=120,
        params:
            config=settings(*(f"features.{space}" for space in STILL)),
            code=code("generate_best"),
            samples=options(samples="--samples"),
            spaces=each("--space", STILL),
        message:
            "Choosing among samples of subject {wildcards.subject}: {wildcards.method}"
        shell:
            "brainvis generate best --config {params.config:q} {params.samples} {params.spaces} "
            "--encoder {input.encoder} --embeddings {input.embeddings} "
            "--responses {input.responses} --splits {input.splits} --split {wildcards.split} "
            "--method {wildcards.method} --out {output} --log {log}"
