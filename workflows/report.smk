# The page.


rule report:
    input:
        **REPORTED,
    output:
        page=report(LAYOUT.report, caption="report/page.rst", category="Report"),
        figures=directory(LAYOUT.figures),
    log:
        LAYOUT.log("report"),
    benchmark:
        LAYOUT.benchmark("report")
    retries: RETRIES
    conda:
        "envs/brainvis.yaml"
    resources:
        mem_mb=memory(2000),
        runtime=20,
    params:
        config=settings("report"),
        code=code("report"),
        files=options(
            responses="--responses",
            stimuli="--stimuli",
            images="--images",
            table="--table",
            summary="--summary",
            protocols="--protocols",
            retrieval="--retrieval",
            brain="--brain",
            budgets="--budgets",
            differences="--differences",
            classification="--classification",
            recovery="--betas",
            encoders="--encoders",
            encoder_voxels="--encoder-voxels",
            selectivity="--selectivity",
            clusters="--clusters",
            atlas="--atlas",
            video_scores="--video-scores",
            video_summary="--video-summary",
            video_protocols="--video-protocols",
            movie_encoding="--movie-encoding",
            movie_voxels="--movie-voxels",
            videos="--videos",
        ),
        run=lambda wildcards: RUN.model_dump_json(),
        root=subpath(output.page, ancestor=2),
    message:
        "Writing the report"
    shell:
        "brainvis report --config {params.config:q} --run {params.run:q} --root {params.root} "
        "{params.files} --out {output.page} --figures {output.figures} --log {log}"
