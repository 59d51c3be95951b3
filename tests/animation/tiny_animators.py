"""Writes tiny animators with random weights, a folder for each backend."""

import json
import sys
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLTemporalDecoder,
    EulerDiscreteScheduler,
    MotionAdapter,
    UNetSpatioTemporalConditionModel,
)
from diffusers.models.controlnets.controlnet_sparsectrl import SparseControlNetModel

sys.path.append(str(Path(__file__).parents[1] / "generation"))
from tiny_generators import TOKENS, WIDTH, write_stable_diffusion

SVD_WIDTH = 16


def write_animator_card(folder, backend, **entries):
    card = {"backend": backend, "defaults": {"steps": 4, "strength": 0.5, "guidance": 2.0}}
    (folder / "animator.json").write_text(json.dumps(card | entries))


def change_animator_card(folder, **changes):
    path = folder / "animator.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def write_motion(folder):
    adapter = MotionAdapter(
        block_out_channels=(16, 32),
        motion_layers_per_block=1,
        motion_num_attention_heads=2,
        motion_norm_num_groups=8,
        motion_max_seq_length=32,
    )
    for name, value in adapter.named_parameters():
        if "norm" not in name:
            value.data = 0.3 * torch.randn_like(value)
    adapter.save_pretrained(folder / "motion_adapter")


def write_generator(root):
    if not (root / "generator").exists():
        (root / "generator").mkdir(parents=True)
        write_stable_diffusion(root / "generator")


def write_refiner(root, folder):
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    write_generator(root)
    write_motion(folder)
    write_animator_card(folder, "animatediff-video2video", generator="../generator")


def write_sparse(root, folder):
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    write_generator(root)
    write_motion(folder)
    control = SparseControlNetModel(
        in_channels=4,
        conditioning_channels=4,
        down_block_types=("DownBlockMotion", "CrossAttnDownBlockMotion"),
        block_out_channels=(16, 32),
        layers_per_block=1,
        cross_attention_dim=12,
        attention_head_dim=2,
        norm_num_groups=8,
        motion_num_attention_heads=2,
        conditioning_embedding_out_channels=(8, 8),
    )
    for value in control.parameters():  # the last layers of a fresh control network are zero
        value.data.add_(0.1 * torch.randn_like(value))
    control.save_pretrained(folder / "controlnet")
    write_animator_card(folder, "animatediff-sparsectrl", generator="../generator")


def write_stable_video(root, folder):
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    UNetSpatioTemporalConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=8,
        in_channels=8,
        out_channels=4,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        cross_attention_dim=SVD_WIDTH,
        num_attention_heads=2,
        projection_class_embeddings_input_dim=96,
        addition_time_embed_dim=32,
        num_frames=4,
    ).save_pretrained(folder / "unet")
    AutoencoderKLTemporalDecoder(
        block_out_channels=(32, 32),
        down_block_types=("DownEncoderBlock2D",) * 2,
        latent_channels=4,
        layers_per_block=1,
        sample_size=16,
    ).save_pretrained(folder / "vae")
    EulerDiscreteScheduler(
        prediction_type="v_prediction",
        use_karras_sigmas=True,
        sigma_min=0.002,
        sigma_max=700.0,
        timestep_type="continuous",
        timestep_spacing="leading",
        steps_offset=1,
    ).save_pretrained(folder / "scheduler")
    condition = {"space": "clip-h", "width": SVD_WIDTH}
    write_animator_card(folder, "stable-video-diffusion", condition=condition)


WRITERS = {"refiner": write_refiner, "sparse": write_sparse, "stable-video": write_stable_video}
CONDITIONS = {
    "refiner": (TOKENS, WIDTH),
    "sparse": (TOKENS, WIDTH),
    "stable-video": (1, SVD_WIDTH),
}
