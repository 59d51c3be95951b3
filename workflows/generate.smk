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
