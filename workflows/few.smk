# A new subject from a share of its training trials, beside ridge from the same.


FEW_SPACE, FEW_RIDGE = RUN.few_space, RUN.few_ridge
FEW_MODEL = f"{RUN.few_model}-{FEW_SPACE}"
FEW_SHUFFLED = f"{RUN.few_model}-shuffled-{FEW_SPACE}"


wildcard_constraints:
    share=r"[0-9]+",


rule few_responses:
    input:
        betas=LAYOUT.betas("{subject}"),
        splits=SPLITS,
    output:
        LAYOUT.few_responses("{subject}", "{share}"),
    log:
        LAYOUT.log("few_responses", sub="{subject}", share="{share}"),
    benchmark:
        LAYOUT.benchmark("few_responses", sub="{subject}", share="{share}")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=20,
    params:
        config=settings(),
        code=code("few_responses"),
        by="session" if DATASET == "nsd" else "run",
    message:
        "Keeping 1/{wildcards.share} of the training trials of sub-{wildcards.subject}"
    shell:
        "brainvis few responses --config {params.config:q} --betas {input.betas} "
        "--splits {input.splits} --share {wildcards.share} --by {params.by} --out {output} "
        "--log {log}"


rule few_transfer:
    input:
        network=LAYOUT.interaction("{model}"),
        reference=LAYOUT.interaction_voxels("{model}"),
        responses=LAYOUT.few_responses("{subject}", "{share}"),
        population=LAYOUT.known_voxels,
        features=LAYOUT.features("population"),
        clusters=lambda w: LAYOUT.clusters(own_model(w).clusters),
        splits=SPLITS,
    output:
        LAYOUT.few_voxels("{subject}", "{share}", "{model}"),
    log:
        LAYOUT.log("few_transfer", sub="{subject}", share="{share}", model="{model}"),
    benchmark:
        LAYOUT.benchmark(
            "few_transfer", sub="{subject}", share="{share}", model="{model}"
        )
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        config=settings(),
        code=code("few_transfer"),
    message:
        "Bringing {wildcards.model} to 1/{wildcards.share} of the trials of sub-{wildcards.subject}"
    shell:
        "brainvis few transfer --config {params.config:q} --model {wildcards.model} "
        "--network {input.network} --reference {input.reference} --responses {input.responses} "
        "--population {input.population} --features {input.features} --clusters {input.clusters} --splits {input.splits} "
        "--voxels {output} --log {log}"


rule few_decode:
    input:
        network=LAYOUT.interaction(RUN.few_model),
        voxels=LAYOUT.few_voxels("{subject}", "{share}", RUN.few_model),
        responses=LAYOUT.few_responses("{subject}", "{share}"),
        splits=SPLITS,
    output:
        decoded=LAYOUT.few_decoded("{subject}", "{share}", FEW_MODEL),
        shuffled=LAYOUT.few_decoded("{subject}", "{share}", FEW_SHUFFLED),
    log:
        LAYOUT.log("few_decode", sub="{subject}", share="{share}"),
    benchmark:
        LAYOUT.benchmark("few_decode", sub="{subject}", share="{share}")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=30,
    params:
        config=settings(),
        code=code("interaction_decode"),
        space=FEW_SPACE,
        model=RUN.few_model,
    message:
        "Decoding sub-{wildcards.subject} after 1/{wildcards.share} of its trials"
    shell:
        "brainvis interaction decode --config {params.config:q} --network {input.network} "
        "--voxels {input.voxels} --responses {input.responses} --splits {input.splits} "
        "--space {params.space} --method {params.model} --decoded {output.decoded} "
        "--shuffled {output.shuffled} --log {log}"


rule few_ridge:
    input:
        responses=LAYOUT.few_responses("{subject}", "{share}"),
        features=LAYOUT.features(FEW_SPACE),
        splits=SPLITS,
    output:
        LAYOUT.few_decoded("{subject}", "{share}", FEW_RIDGE),
    log:
        LAYOUT.log("few_ridge", sub="{subject}", share="{share}"),
    benchmark:
        LAYOUT.benchmark("few_ridge", sub="{subject}", share="{share}")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=30,
    params:
        config=settings(f"feature_decoders.{FEW_RIDGE}"),
        code=code("decode_features"),
        method=FEW_RIDGE,
    message:
        "Ridge from 1/{wildcards.share} of the trials of sub-{wildcards.subject}"
    shell:
        "brainvis decode-features --config {params.config:q} --responses {input.responses} "
        "--features {input.features} --splits {input.splits} --split main "
        "--method {params.method} --out {output} --log {log}"


rule few_score:
    input:
        features=LAYOUT.features(FEW_SPACE),
        responses=[
            LAYOUT.responses(s) if n == 1 else LAYOUT.few_responses(s, n)
            for s, n in FEW_CASES
        ],
        transformer=few_decoded(FEW_MODEL),
        ridge=few_decoded(FEW_RIDGE),
        shuffled=few_decoded(FEW_SHUFFLED),
        splits=SPLITS,
    output:
        LAYOUT.metrics("budgets", ".csv"),
    log:
        LAYOUT.log("few_score"),
    benchmark:
        LAYOUT.benchmark("few_score")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=20,
    params:
        config=settings(*FEW_KEYS),
        code=code("few_score"),
        files=options(
            responses="--responses",
            transformer="--transformer",
            ridge="--ridge",
            shuffled="--shuffled",
        ),
        shares=each("--share", [n for _, n in FEW_CASES]),
    message:
        "Scoring new subjects by number of trials"
    shell:
        "brainvis few score --config {params.config:q} --features {input.features} "
        "{params.shares} {params.files} --splits {input.splits} --out {output} --log {log}"
