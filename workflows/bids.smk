# Any BIDS or fMRIPrep tree; stimulus images where its events name them.


rule bids_stimuli:
    input:
        f"{BIDS_ROOT}/stimuli",
    output:
        LAYOUT.stimuli,
    log:
        LAYOUT.log("bids_stimuli"),
    benchmark:
        LAYOUT.benchmark("bids_stimuli")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=20,
    params:
        config=settings("dataset"),
        code=code("bids_stimuli"),
        root=subpath(input[0], parent=True),
    message:
        "Gathering stimulus images"
    shell:
        "brainvis bids-stimuli --config {params.config:q} --bids {params.root} --out {output} --log {log}"
