"""Finetuning with weights, gradients and optimiser state shared out over the processes (FSDP, PyTorch's
`fully_shard`).

    accelerate launch --config_file fsdp.yaml 05_finetune.py ...        # a config with distributed_type: FSDP
    ACCELERATE_USE_FSDP=true torchrun --nproc_per_node 8 05_finetune.py ...                         # the same

accelerate 1.15's own sharding is not used: its state turns FSDP on for GPUs only and says nothing on CPUs,
where the tests run. Of its config the number of processes and the wish to shard are obeyed; layers are
wrapped one by one, and what is saved is whole. Each decoder layer of the language model is gathered when it
computes, and freed after. Frozen weights outside these layers (the vision tower) stay whole everywhere, so
that each process may use them when it likes. A run can be resumed with or without sharding: its states are
the same.
"""

import warnings

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from lib.model.layers import language_model
from lib.process import world
from lib.records import StageError

TOO_LARGE = (
    "out of memory, and processes that share one model cannot halve a batch alone: a smaller --batch-size "
    "with more --accumulate gives the same steps; --checkpointing or fewer --frames need less"
)


def shard(model, device):
    """Share the weights of `model`, which lies on the CPU, out over all processes' `device`s, in place.
    Gradients are summed, not averaged.

    Raises StageError for a model whose decoder layers are not known.
    """
    warnings.filterwarnings(
        "ignore", "FSDP2-wrapped module"
    )  # of in-place changes to what it returns; there are none
    mesh = init_device_mesh(device.type, (world()[1],))
    classes, language = set(model._no_split_modules or ()), language_model(model)[0]
    layers = [
        module
        for name, module in model.named_modules()
        if type(module).__name__ in classes and name.startswith(f"{language}.")
    ]
    if not layers:
        raise StageError(
            f"{type(model).__name__}: cannot be shared out: none of its decoder layers "
            f"({', '.join(sorted(classes)) or 'it names none'}) lies in {language}; start without FSDP"
        )
    inside = {parameter for layer in layers for parameter in layer.parameters()}
    whole = {parameter for parameter in model.parameters() if not parameter.requires_grad} - inside
    for part in [*layers, model]:
        fully_shard(part, mesh=mesh, ignored_params=whole)
        part.set_gradient_divide_factor(1.0)  # the loss is divided by the tokens of the whole step already
        part.set_force_sum_reduction_for_comms(True)  # gloo knows no other
    for parameter in whole:
        parameter.data = parameter.data.to(device)


def gathered(state):
    """A tree of dicts, lists and values with every shared tensor whole on the CPU of rank 0, and None
    elsewhere. Every process must call it.
    """
    if isinstance(state, DTensor):
        full = state.detach().full_tensor()
        return full.cpu() if world()[0] == 0 else None
    if isinstance(state, dict):
        return {key: gathered(value) for key, value in state.items()}
    return [gathered(value) for value in state] if isinstance(state, list) else state


def shared_like(tensor, parameter):
    """A whole tensor shared out as `parameter` is."""
    place = (parameter.device_mesh, parameter.placements)
    return distribute_tensor(tensor.to(parameter.device), *place, src_data_rank=None)


def scattered(state, trained):
    """A saved state with what belongs to the `trained` parameters shared out as they are: the parameters by
    name, the optimiser's by number.
    """

    for name, parameter in trained.items():
        state["trained"][name] = shared_like(state["trained"][name], parameter)
    for number, parameter in enumerate(trained.values()):
        entry = state["optimizer"]["state"][number]
        state["optimizer"]["state"][number] = {
            key: shared_like(value, parameter) if value.shape == parameter.shape else value
            for key, value in entry.items()
        }
    return state


def missing(count, device):
    """How many batches fewer than another process this one has in a step, having lost rows: all must go
    through the shared layers equally often.
    """
    most = torch.tensor(count, device=device)
    torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
    return int(most) - count
