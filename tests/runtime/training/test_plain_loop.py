"""The curve is that of a plain loop with transformers over unpacked, padded examples."""

import pytest

from taskc.runtime.reader import open as open_artifact
from taskc.runtime.schedule import sequences
from taskc.runtime.train import train

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

STEPS = 50
LR = 3e-3


def padded(rows):
    """Examples of packed rows as transformers' own collators would lay them out."""
    examples = [
        (sequence.input_ids[begin:end], sequence.labels[begin:end])
        for sequence in rows
        for begin, end in zip(sequence.cu_seq_lens, sequence.cu_seq_lens[1:], strict=False)
    ]
    length = max(len(ids) for ids, _ in examples)
    ids = torch.zeros(len(examples), length, dtype=torch.int64)
    labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
    for row, (own, own_labels) in enumerate(examples):
        ids[row, : len(own)] = torch.from_numpy(own)
        labels[row, : len(own)] = torch.from_numpy(own_labels)
        mask[row, : len(own)] = 1
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


def test_fifty_steps_are_those_of_a_plain_loop(folder, tmp_path, block_of):
    """Each loss within 1e-4, from first to last, over several epochs."""
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=100, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=16,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    model.save_pretrained(tmp_path / "start")
    artifact = open_artifact(folder)
    model_folder = {"path": str(tmp_path / "start")}
    block = block_of("plain", ("sequences", 4), model=model_folder, steps=STEPS, lr=LR)
    found = [step.loss for step in train(artifact, block, tmp_path / "out")]

    split = artifact["train"]
    batches = split.batches(sequences(4), seed=1, epochs=20)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.0)
    expected = []
    for step in range(STEPS):
        epoch, place = divmod(step, batches.schedule.steps_per_epoch)
        numbers = batches.schedule.rows(epoch=epoch, step=place, rank=0).tolist()
        optimizer.zero_grad()
        loss = model(**padded([split[number] for number in numbers]), use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        expected.append(float(loss.detach()))

    assert expected[-1] < 0.8 * expected[0]
    assert found == pytest.approx(expected, abs=1e-4)
