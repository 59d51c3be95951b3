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


rule images:
    input:
        IMAGES,
