# The embedded default: simulated subjects watch the procedural world.


rule stimuli:
    output:
        stimuli=LAYOUT.stimuli,
        meshes=directory(LAYOUT.meshes),
    log:
        LAYOUT.log("stimuli"),
    benchmark:
        LAYOUT.benchmark("stimuli")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    threads: 2
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        config=settings("dataset.stimuli"),
        code=code("stimuli"),
    message:
        "Rendering the stimuli"
    shell:
        "brainvis stimuli --config {params.config:q} --out {output.stimuli} "
        "--meshes {output.meshes} --workers {threads} --log {log}"


rule prior:
    output:
        LAYOUT.prior,
    log:
        LAYOUT.log("prior"),
    benchmark:
        LAYOUT.benchmark("prior")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    threads: 2
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        config=settings("dataset.stimuli"),
        code=code("prior"),
    message:
        "Rendering images that no subject sees"
    shell:
        "brainvis prior --config {params.config:q} --out {output} "
        "--workers {threads} --log {log}"


rule channels:
    input:
        LAYOUT.stimuli,
    output:
        LAYOUT.channels,
    log:
        LAYOUT.log("channels"),
    benchmark:
        LAYOUT.benchmark("channels")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=30,
    params:
        config=settings(),
        code=code("channels"),
    message:
        "Computing what simulated voxels respond to"
    shell:
        "brainvis channels --config {params.config:q} --stimuli {input} --out {output} --log {log}"


rule bids_dataset:
    input:
        LAYOUT.stimuli,
    output:
        LAYOUT.bids_dataset,
        directory(LAYOUT.bids_stimuli),
    log:
        LAYOUT.log("bids_dataset"),
    benchmark:
        LAYOUT.benchmark("bids_dataset")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        config=settings("dataset.brain"),
        code=code("bids_dataset"),
        root=subpath(output[0], parent=True),
    message:
        "Writing the data-set level of the BIDS tree"
    shell:
        "brainvis bids-dataset --config {params.config:q} --stimuli {input} "
        "--root {params.root} --log {log}"


rule simulate:
    input:
        stimuli=LAYOUT.stimuli,
        channels=LAYOUT.channels,
    output:
        bids=directory(LAYOUT.bids_subject("{subject}")),
        truth=LAYOUT.truth("{subject}"),
    log:
        LAYOUT.log("simulate", sub="{subject}"),
    benchmark:
        LAYOUT.benchmark("simulate", sub="{subject}")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        config=settings("dataset.brain"),
        code=code("simulate"),
    message:
        "Simulating the BOLD of subject {wildcards.subject}"
    shell:
        "brainvis simulate --config {params.config:q} --stimuli {input.stimuli} "
        "--channels {input.channels} --subject {wildcards.subject} --out {output.bids} "
        "--truth {output.truth} --log {log}"


rule truth:
    input:
        betas=BETAS,
        truth=TRUTHS,
        bids=[LAYOUT.bids_subject(subject) for subject in RUN.subjects],
        dataset=LAYOUT.bids_dataset,
        splits=LAYOUT.splits,
    output:
        LAYOUT.metrics("recovery", ".csv"),
    log:
        LAYOUT.log("truth"),
    benchmark:
        LAYOUT.benchmark("truth")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=60,
    params:
        config=settings("preprocess"),
        code=code("truth"),
        root=subpath(input.dataset, parent=True),
        files=options(betas="--betas", truth="--truth"),
    message:
        "Comparing betas with the simulated truth"
    shell:
        "brainvis truth --config {params.config:q} {params.files} --bids {params.root} --splits {input.splits} --out {output} --log {log}"
