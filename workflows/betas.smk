# BOLD in BIDS to single-trial betas.


rule betas:
    input:
        subject=f"{BIDS_ROOT}/sub-{{subject}}",
        dataset=f"{BIDS_ROOT}/dataset_description.json",
        splits=SPLITS,
    output:
        LAYOUT.betas("{subject}"),
    params:
        config=settings("preprocess"),
        code=code("betas"),
        root=subpath(input.dataset, parent=True),
        options=BIDS_OPTIONS,
    log:
        LAYOUT.log("betas", sub="{subject}"),
    benchmark:
        LAYOUT.benchmark("betas", sub="{subject}")
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=60,
    retries: RETRIES
    message:
        "Estimating single-trial betas of subject {wildcards.subject}"
    shell:
        "brainvis betas --config {params.config:q} --bids {params.root} "
        "--subject {wildcards.subject} {params.options} --out {output} --log {log}"
