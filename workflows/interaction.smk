# Brain-Interaction Transformer: train on known subjects, bring to new ones, decode.


wildcard_constraints:
    model="|".join(RUN.brain_models) or "none",


ruleorder: interaction_decode > decode_features


rule interaction_train:
    input:
        responses=[LAYOUT.responses(s) for s in RUN.trained_subjects],
        embeddings=LAYOUT.trained_embeddings,
        population=LAYOUT.known_voxels,
        clusters=lambda w: LAYOUT.clusters(own_model(w).clusters),
        features=spaces_of,
        splits=SPLITS,
        made=[LAYOUT.synthetic(s) for s in RUN.trained_subjects] if SIMULATED else [],
        unseen=unseen_of,
    output:
        network=directory(LAYOUT.interaction("{model}")),
        voxels=LAYOUT.interaction_voxels("{model}"),
    log:
        LAYOUT.log("interaction_train", model="{model}"),
    benchmark:
        LAYOUT.benchmark("interaction_train", model="{model}")
    wildcard_constraints:
        model="|".join(RUN.interaction) or "none",
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    threads: 2
    resources:
        mem_mb=memory(6000),
        runtime=240,
    params:
        config=lambda w: settings_text(RUN, f"interaction.{w.model}", *contrasted_of(w)),
        code=code("interaction_train"),
        files=options(
            responses="--responses",
            features="--features",
            made="--made",
            unseen="--unseen",
        ),
        checkpoints=LAYOUT.interaction_checkpoints,
    message:
        "Training {wildcards.model}"
    shell:
        "brainvis interaction train --config {params.config:q} --model {wildcards.model} "
        "{params.files} --embeddings {input.embeddings} --population {input.population} "
        "--clusters {input.clusters} --splits {input.splits} --network {output.network} "
        "--voxels {output.voxels} --checkpoints {params.checkpoints} --log {log}"


rule interaction_transfer:
    input:
        network=LAYOUT.interaction("{model}"),
        reference=LAYOUT.interaction_voxels("{model}"),
        responses=LAYOUT.responses("{subject}"),
        embeddings=LAYOUT.adapted_embeddings("{subject}"),
        population=LAYOUT.known_voxels,
        clusters=lambda w: LAYOUT.assigned_clusters(w.subject, own_model(w).clusters),
        features=spaces_of,
        splits=SPLITS,
        made=LAYOUT.synthetic("{subject}") if SIMULATED else [],
        unseen=unseen_of,
    output:
        LAYOUT.transferred_voxels("{subject}", "{model}"),
    log:
        LAYOUT.log("interaction_transfer", sub="{subject}", model="{model}"),
    benchmark:
        LAYOUT.benchmark("interaction_transfer", sub="{subject}", model="{model}")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    threads: 2
    resources:
        mem_mb=memory(4000),
        runtime=60,
    params:
        config=lambda w: settings_text(RUN, f"interaction.{began_as(w)}"),
        code=code("interaction_transfer"),
        model=began_as,
        files=options(features="--features", made="--made", unseen="--unseen"),
    message:
        "Bringing {wildcards.model} to sub-{wildcards.subject}"
    shell:
        "brainvis interaction transfer --config {params.config:q} --model {params.model} "
        "--network {input.network} --reference {input.reference} --responses {input.responses} "
        "--embeddings {input.embeddings} --population {input.population} "
        "--clusters {input.clusters} {params.files} --splits {input.splits} --voxels {output} "
        "--log {log}"


rule interaction_decode:
    input:
        network=LAYOUT.interaction("{model}"),
        voxels=voxels_of,
        responses=LAYOUT.responses("{subject}"),
        splits=SPLITS,
    output:
        decoded=LAYOUT.decoded("{subject}", "main", "{model}-{space}"),
        shuffled=LAYOUT.decoded("{subject}", "main", "{model}-shuffled-{space}"),
    log:
        LAYOUT.log(
            "interaction_decode", sub="{subject}", model="{model}", space="{space}"
        ),
    benchmark:
        LAYOUT.benchmark(
            "interaction_decode", sub="{subject}", model="{model}", space="{space}"
        )
    wildcard_constraints:
        space="|".join(RUN.features),
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=30,
    params:
        config=settings(),
        code=code("interaction_decode"),
    message:
        "Decoding {wildcards.space} of sub-{wildcards.subject} by {wildcards.model}"
    shell:
        "brainvis interaction decode --config {params.config:q} --network {input.network} "
        "--voxels {input.voxels} --responses {input.responses} --splits {input.splits} "
        "--space {wildcards.space} --method {wildcards.model} --decoded {output.decoded} "
        "--shuffled {output.shuffled} --log {log}"
