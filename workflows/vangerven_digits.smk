# Measured digits: responses come with the data set.


rule digits:
    input:
        trials=f"{FOLDER}/69dataset2.mat",
        split=f"{FOLDER}/digit69_28x28.mat",
    output:
        stimuli=LAYOUT.stimuli,
        responses=LAYOUT.responses("01"),
        published=LAYOUT.published,
        prior=LAYOUT.prior,
    log:
        LAYOUT.log("digits"),
    benchmark:
        LAYOUT.benchmark("digits")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=10,
    params:
        config=settings(),
        code=code("digits"),
        folder=subpath(input.trials, parent=True),
    message:
        "Importing the measured digits"
    shell:
        "brainvis digits --config {params.config:q} --folder {params.folder} "
        "--stimuli {output.stimuli} --responses {output.responses} "
        "--published {output.published} --prior {output.prior} --log {log}"
