# BOLD in BIDS to single-trial betas, and to responses normalised with training statistics.


rule estimate_betas:
    input:
        subject=f"{BIDS_ROOT}/sub-{{subject}}",
        dataset=f"{BIDS_ROOT}/dataset_description.json",
        splits=SPLITS,
    output:
        LAYOUT.betas("{subject}"),
    log:
        LAYOUT.log("estimate_betas", sub="{subject}"),
    benchmark:
        LAYOUT.benchmark("estimate_betas", sub="{subject}")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        config=settings("preprocess"),
        code=code("betas"),
        root=subpath(input.dataset, parent=True),
        splits=options(splits="--splits"),
        labels=BIDS_LABELS,
    message:
        "Estimating single-trial betas of subject {wildcards.subject}"
    shell:
        "brainvis betas --config {params.config:q} --bids {params.root} "
        "--subject {wildcards.subject} {params.splits} {params.labels} --out {output} --log {log}"


rule normalise_responses:
    input:
        betas=LAYOUT.betas("{subject}"),
        splits=LAYOUT.splits,
    output:
        LAYOUT.responses("{subject}"),
    log:
        LAYOUT.log("normalise_responses", sub="{subject}"),
    benchmark:
        LAYOUT.benchmark("normalise_responses", sub="{subject}")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=20,
    params:
        config=settings(),
        code=code("responses"),
    message:
        "Normalising responses of subject {wildcards.subject}"
    shell:
        "brainvis responses --config {params.config:q} --betas {input.betas} --splits {input.splits} "
        "--out {output} --log {log}"
