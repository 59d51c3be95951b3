# The embedded default: simulated subjects watch the procedural world.


rule stimuli:
    output:
        stimuli=LAYOUT.stimuli,
        meshes=directory(LAYOUT.meshes),
    params:
        config=settings("dataset.stimuli"),
        code=code("stimuli"),
    log:
        LAYOUT.log("stimuli"),
    benchmark:
        LAYOUT.benchmark("stimuli")
    conda:
        "envs/brainvis.yaml"
    threads: 2
    resources:
        mem_mb=memory(2000),
        runtime=30,
    retries: RETRIES
    message:
        "Rendering the stimuli"
    shell:
        "brainvis stimuli --config {params.config:q} --out {output.stimuli} "
        "--meshes {output.meshes} --workers {threads} --log {log}"


rule prior:
    output:
        LAYOUT.prior,
    params:
        config=settings("dataset.stimuli"),
        code=code("prior"),
    log:
        LAYOUT.log("prior"),
    benchmark:
        LAYOUT.benchmark("prior")
    conda:
        "envs/brainvis.yaml"
    threads: 2
    resources:
        mem_mb=memory(2000),
        runtime=30,
    retries: RETRIES
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
    params:
        config=settings(),
        code=code("channels"),
    log:
        LAYOUT.log("channels"),
    benchmark:
        LAYOUT.benchmark("channels")
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=30,
    retries: RETRIES
    message:
        "Computing what simulated voxels respond to"
    shell:
        "brainvis channels --config {params.config:q} --stimuli {input} --out {output} --log {log}"


rule bids_dataset:
    input:
        LAYOUT.stimuli,
    output:
        description=LAYOUT.bids_dataset,
        images=directory(LAYOUT.bids_stimuli),
    params:
        config=settings(),
        code=code("bids_dataset"),
    log:
        LAYOUT.log("bids_dataset"),
    benchmark:
        LAYOUT.benchmark("bids_dataset")
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    retries: RETRIES
    message:
        "Writing the data-set level of the BIDS tree"
    shell:
        "brainvis bids-dataset --config {params.config:q} --stimuli {input} "
        "--out {output.description} --images {output.images} --log {log}"


rule simulate:
    input:
        stimuli=LAYOUT.stimuli,
        channels=LAYOUT.channels,
    output:
        bids=directory(LAYOUT.bids_subject("{subject}")),
        truth=LAYOUT.truth("{subject}"),
    params:
        config=settings("dataset.brain"),
        code=code("simulate"),
    log:
        LAYOUT.log("simulate", sub="{subject}"),
    benchmark:
        LAYOUT.benchmark("simulate", sub="{subject}")
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=30,
    retries: RETRIES
    message:
        "Simulating the BOLD of subject {wildcards.subject}"
    shell:
        "brainvis simulate --config {params.config:q} --stimuli {input.stimuli} "
        "--channels {input.channels} --subject {wildcards.subject} --out {output.bids} "
        "--truth {output.truth} --log {log}"
