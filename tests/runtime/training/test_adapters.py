"""LoRA: trained beside a frozen model, written alone or merged, taken up again, or refused."""

import json

import pytest

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.reader import open as open_artifact
from taskc.runtime.settings import train_settings
from taskc.runtime.train import train
from taskc.runtime.training.machine import Machine

tokenizers = pytest.importorskip("tokenizers")
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")
from torch.distributed.checkpoint import FileSystemReader  # noqa: E402 (needs torch)

from taskc.runtime.training import adapters, models  # noqa: E402


def lora(**arguments):
    """A lowered `lora(...)`."""
    return {"call": "lora", "arguments": {"rank": 4, "alpha": 8, "dropout": 0.0, **arguments}}


@pytest.fixture
def chat(made, tmp_path):
    """An artefact of turns whose end, id 98 of 100, the specification added and trains on."""
    words = {f"w{i}": i for i in range(98)}
    coder = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="w0"))
    coder.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    coder.add_special_tokens(["<|turn|>", "<eos>"])
    turns = [[i, i + 1, 98, i + 2, i + 3, 98] for i in range(12)]
    examples = [made.Example(ids, [(3, 6)], i % 2) for i, ids in enumerate(turns)]
    settings = made.chat_of(examples, files={"tokenizer.json": coder.to_str().encode()})
    return open_artifact(made.write_examples(tmp_path / "chat", examples, **settings))


@pytest.fixture
def base(tmp_path):
    """Makes the folder of a model to start from."""

    def make(vocab_size=100, **more):
        torch.manual_seed(2)
        config = transformers.LlamaConfig(
            vocab_size=vocab_size, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
            num_attention_heads=2, bos_token_id=None, eos_token_id=None, **more,
        )  # fmt: skip
        transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "base")
        return str(tmp_path / "base")

    return make


def logits_of(model):
    """Of every id."""
    with torch.no_grad():
        return model.eval()(input_ids=torch.arange(100)[None]).logits


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # of peft itself
@pytest.mark.parametrize("tied", [False, True])
def test_the_adapter_alone_and_merged_are_one_model(chat, tmp_path, block_of, base, tied):
    """What is written alone, read by transformers and by peft, says what the merged model says."""
    folder = base(tie_word_embeddings=tied)
    block = block_of(
        "sft", ("examples", 4), model=folder, epochs=2, lr=0.01, adapter=lora(dropout=0.2)
    )
    alone = list(train(chat, block, tmp_path / "alone"))
    assert alone == list(train(chat, block, tmp_path / "merged", machine=Machine(merge=True)))

    load = transformers.AutoModelForCausalLM.from_pretrained
    merged, before = load(tmp_path / "merged" / "model"), load(folder)
    plain = logits_of(merged)
    by_peft = peft.PeftModel.from_pretrained(load(folder), tmp_path / "alone" / "model")

    assert torch.allclose(logits_of(load(tmp_path / "alone" / "model")), plain, atol=1e-5)
    assert torch.allclose(logits_of(by_peft), plain, atol=1e-5)
    assert not torch.allclose(logits_of(before), plain, atol=1e-3)
    for folder in ("alone", "merged"):
        written = transformers.GenerationConfig.from_pretrained(tmp_path / folder / "model")
        assert written.eos_token_id[0] == chat.manifest.special["turn_end"].id
    assert (tmp_path / "alone" / "model" / "adapter_model.safetensors").is_file()
    assert (tmp_path / "merged" / "model" / "model.safetensors").is_file()


def test_only_adapters_and_new_rows_move(chat, tmp_path, block_of, base):
    """Of the embedding and the head one row each; of the frozen matrices nothing."""
    folder = base()
    settings = {"model": folder, "epochs": 2, "lr": 0.01}
    block = block_of("sft", ("examples", 4), **settings, adapter=lora(targets=["q_proj"]))
    list(train(chat, block, tmp_path / "out", machine=Machine(merge=True)))
    load = transformers.AutoModelForCausalLM.from_pretrained
    before, after = load(folder).state_dict(), load(tmp_path / "out" / "model").state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    turn_end = chat.manifest.special["turn_end"].id

    assert moved == {
        "model.embed_tokens.weight", "lm_head.weight",
        *(f"model.layers.{i}.self_attn.q_proj.weight" for i in range(2)),
    }  # fmt: skip
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        rows = (before[name] != after[name]).any(dim=1).nonzero()[:, 0]
        assert rows.tolist() == [turn_end]


def test_it_goes_on_to_the_bit(chat, tmp_path, block_of):
    """With noise on; the state holds what is trained and not the frozen rest."""
    block = block_of("lima", ("examples", 5), epochs=3, lr=0.01, last_lr=0.001,
                     dropout={"call": "ramp", "arguments": {"0": 0.1, "1": 0.3}},
                     adapter=lora(dropout=0.2))  # fmt: skip
    machine = Machine(merge=True, checkpoint_every=2)
    whole = list(train(chat, block, tmp_path / "whole", machine=machine))
    taken = []
    for step in train(chat, block, tmp_path / "out", machine=machine):
        taken.append(step)
        if step.step == 5:
            break
    metadata = FileSystemReader(tmp_path / "out" / "checkpoint").read_metadata()
    names = [name for name in metadata.state_dict_metadata if name.startswith("weights.")]
    taken = taken[:4] + list(train(chat, block, tmp_path / "out", machine=machine, resume="same"))

    assert names
    assert all("lora_" in name or "trainable_tokens" in name for name in names)
    assert taken == whole
    files = [tmp_path / name / "model" / "model.safetensors" for name in ("whole", "out")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("shard", [False, True])
def test_ranks_share_it(chat, tmp_path, block_of, in_ranks, shard):
    """Two ranks, then one, then two again: the losses of one alone, and one merged model."""
    block = block_of("lima", ("examples", 5), epochs=3, lr=0.01, last_lr=0.001,
                     dropout={"call": "ramp", "arguments": {"0": 0.1, "1": 0.3}},
                     adapter=lora(dropout=0.2))  # fmt: skip
    whole = list(train(chat, block, tmp_path / "whole", machine=Machine(merge=True)))

    def some(last, *, shard):
        machine = Machine(checkpoint_every=1, shard=shard, merge=True)
        losses = []
        for step in train(chat, block, tmp_path / "out", machine=machine, resume="same"):
            losses.append(step.loss)
            if step.step == last:
                break
        return losses

    losses = in_ranks(2, lambda _: some(3, shard=shard))[0]
    losses += in_ranks(1, lambda _: some(6, shard=False))[0]
    losses += in_ranks(2, lambda _: some(0, shard=shard))[0]
    load = transformers.AutoModelForCausalLM.from_pretrained
    models_ = [load(tmp_path / name / "model") for name in ("whole", "out")]

    assert losses == pytest.approx([step.loss for step in whole], abs=1e-5)
    assert len(losses) == 9
    assert torch.allclose(*map(logits_of, models_), atol=1e-4)


def test_the_noise_is_the_run_s(chat, tmp_path, block_of):
    """Whatever was drawn before, and however the batch is cut."""
    block = block_of("sft", ("examples", 4), steps=3, lr=0.01, adapter=lora(dropout=0.5))
    machines = [Machine(merge=True, max_tokens=most) for most in (8_192, 16)]
    torch.manual_seed(5)
    first = [step.loss for step in train(chat, block, tmp_path / "one", machine=machines[0])]
    torch.manual_seed(6)
    second = [step.loss for step in train(chat, block, tmp_path / "two", machine=machines[1])]
    quiet = block_of("sft", ("examples", 4), steps=3, lr=0.01, adapter=lora())
    without = [step.loss for step in train(chat, quiet, tmp_path / "three", machine=machines[0])]

    assert first == pytest.approx(second, abs=1e-5)
    assert first[1:] != pytest.approx(without[1:], abs=1e-5)


def test_every_number_is_said_with_its_source(block_of):
    """Those of the adapter too."""
    block = block_of("sft", ("examples", 4), epochs=1, lr=0.01, adapter=lora())
    numbers = {number.name: number for number in train_settings(block).recipe.numbers()}

    assert (numbers["adapter"].value, numbers["adapter.rank"].value) == ("lora", 4)
    assert numbers["adapter.rank"].source == "the specification"
    assert numbers["adapter.targets"].source.startswith("Dettmers et al. 2023")
    json.dumps([number._asdict() for number in numbers.values()])


# ---- what is refused ---------------------------------------------------------------------------


def test_a_new_token_without_a_gradient_is_refused(chat, tmp_path, block_of, base):
    """It would be in every answer and never be learned."""
    block = block_of("sft", ("examples", 4), model=base(), epochs=1, lr=0.01,
                     adapter=lora(rows="frozen"))  # fmt: skip
    expected = r"row of `turn_end` \(id \d+\) in the embedding: .*`rows: added`.*found none"
    with pytest.raises(ArtifactError, match=expected):
        train(chat, block, tmp_path / "out", machine=Machine(merge=True))

    assert not (tmp_path / "out").exists()


def test_any_frozen_row_of_a_new_token_is_found(chat, block_of, base):
    """Not LoRA alone freezes; a model that is trained whole passes."""
    block = block_of("sft", ("examples", 4), model=base(), epochs=1, lr=0.01)
    model = models.load_model(train_settings(block), chat.manifest)
    adapters.check_rows(model, chat)
    model.lm_head.requires_grad_(requires_grad=False)
    with pytest.raises(ArtifactError, match="in the head"):
        adapters.check_rows(model, chat)


def test_a_token_that_is_not_trained_on_may_stay(folder, tmp_path, block_of, base):
    """No added token is in these examples."""
    block = block_of("sft", ("examples", 4), model=base(), epochs=1, lr=0.01,
                     adapter=lora(rows="frozen"))  # fmt: skip
    list(train(open_artifact(folder), block, tmp_path / "out"))

    assert (tmp_path / "out" / "model" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize("vocab_size", [0, 90])
def test_an_adapter_to_nothing_is_refused(chat, tmp_path, block_of, base, vocab_size):
    """A random model is in no folder, and one with too few rows would not take the adapter."""
    model = {"model": base(vocab_size)} if vocab_size else {}
    block = block_of("sft", ("examples", 4), epochs=1, lr=0.01, adapter=lora(), **model)
    with pytest.raises(ArtifactError, match="--merge writes a whole model instead"):
        train(chat, block, tmp_path / "out")
    list(train(chat, block, tmp_path / "out", machine=Machine(merge=True)))

    assert (tmp_path / "out" / "model" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("adapter", "words"),
    [
        (lora(targets=["w_q"]), "targets: expected names of layers, of .*q_proj"),
        (lora(rank=0), r"adapter\.rank: .*greater than or equal to 1"),
        (lora(ranks=2), "there are rank, alpha, dropout, targets, rows"),
        ({"call": "dora"}, r"expected lora\(\.\.\.\), such as lora\(rank: 16, alpha: 32\)"),
    ],
)
def test_what_is_no_adapter_is_refused(chat, tmp_path, block_of, adapter, words):
    """With what would be one."""
    block = block_of("sft", ("examples", 4), epochs=1, lr=0.01, adapter=adapter)
    with pytest.raises(ArtifactError, match=words):
        train(chat, block, tmp_path / "out", machine=Machine(merge=True))
