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
            objects="--objects",
            object_truth="--object-truth",
            object_scores="--object-scores",
            object_summary="--object-summary",
            object_protocols="--object-protocols",
            object_differences="--object-differences",
            diagnosis="--diagnosis",
            signs="--signs",
        ),
        run=lambda wildcards: RUN.model_dump_json(),
        root=subpath(output.page, ancestor=2),
    message:
        "Writing the report"
    shell:
        "brainvis report --config {params.config:q} --run {params.run:q} --root {params.root} "
        "{params.files} --out {output.page} --figures {output.figures} --log {log}"
