# A Brain-Interaction Transformer and a generator tuned together by the denoising loss.


rule generate_joint:
    input:
        network=lambda w: LAYOUT.interaction(began_as(w)),
        voxels=lambda w: LAYOUT.interaction_voxels(began_as(w)),
        responses=[LAYOUT.responses(s) for s in RUN.trained_subjects],
        stimuli=LAYOUT.stimuli,
        splits=SPLITS,
    output:
        network=directory(LAYOUT.interaction("{model}")),
        voxels=LAYOUT.interaction_voxels("{model}"),
        generator=directory(LAYOUT.tuned_generator("{model}")),
    log:
        LAYOUT.log("generate_joint", model="{model}"),
    benchmark:
        LAYOUT.benchmark("generate_joint", model="{model}")
    wildcard_constraints:
        model="|".join(RUN.joint),
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    threads: 2
    resources:
        mem_mb=memory(8000),
        runtime=1440,
    params:
        config=settings("joint.{model}"),
        code=code("generate_joint"),
        responses=options(responses="--responses"),
        checkpoints=LAYOUT.interaction_checkpoints,
    message:
        "Tuning {wildcards.model} and its generator together"
    shell:
        "brainvis generate joint --config {params.config:q} --name {wildcards.model} "
        "--network {input.network} --voxels {input.voxels} {params.responses} "
        "--stimuli {input.stimuli} --splits {input.splits} --tuned-network {output.network} "
        "--tuned-voxels {output.voxels} --tuned-generator {output.generator} "
        "--checkpoints {params.checkpoints} --log {log}"
