# One target per stage: `snakemake betas`, `snakemake images`, ...


rule betas:
    input:
        BETAS,
        RESPONSES,


rule features:
    input:
        SPACES,


rule decoders:
    input:
        IMAGES,
        DECODED,


rule encoders:
    input:
        ENCODED,
        ENCODED_VOXELS,
        SYNTHETIC,
        SELECTED,


rule clusters:
    input:
        CLUSTERS,
        REPORTED["clusters"],


rule images:
    input:
        IMAGES,


rule videos:
    input:
        CLIPS,
        **VIDEOS,


rule objects:
    input:
        LAYOUT.shown_objects if OBJECTS_3D else [],
        **OBJECT_RESULTS,
