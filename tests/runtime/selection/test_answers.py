"""Answers: each epoch's own, to each prompt once, ended or said not to be."""

import pytest

from taskc.runtime.artifact import ArtifactError
from taskc.runtime.selection.answers import Prompt, answer, epochs_of, prompts_of, record_of

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


def test_a_prompt_is_asked_once(artifact):
    """However many templates or exemplar counts gave the same ids; so many at most."""
    prompts = prompts_of(artifact, "dev", 50)

    assert [prompt.ids for prompt in prompts] == [[1, 2, 98], [4, 5, 98], [7, 8, 98]]
    assert prompts_of(artifact, "dev", 2) == prompts[:2]


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_without_prompts_is_refused(artifact, split):
    """With those that have some."""
    with pytest.raises(ArtifactError, match=f"split: expected one of dev, found {split}"):
        prompts_of(artifact, split, 50)


def test_each_epoch_answers_as_its_model_does(run, artifact):
    """Token by token the likeliest, up to the end of turn or the most tokens."""
    prompts = prompts_of(artifact, "dev", 50)
    found = dict(answer(run, [1, 3], prompts, max_tokens=4, device="cpu"))
    for epoch, answers in found.items():
        folder = run / "epochs" / f"{epoch:02d}"
        model = transformers.AutoModelForCausalLM.from_pretrained(folder)
        for prompt, given in zip(prompts, answers, strict=True):
            ids = list(prompt.ids)
            while len(ids) < len(prompt.ids) + 4 and (ids[-1] != 98 or len(ids) == 3):
                with torch.no_grad():
                    ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
            words = [f"<w{id_}>" for id_ in ids[3:] if id_ != 98]

            assert given.text.split() == words
            assert given.has_ended == (ids[-1] == 98)
    assert sorted(found) == [1, 3]


def test_an_answer_that_ends_is_said_to(run, artifact):
    """A model whose head gives the end of turn alone answers nothing, and ends it."""
    folder = run / "epochs" / "02"
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.lm_head.weight.zero_()
        model.lm_head.weight[98] = (
            100.0 * model.model(torch.tensor([[1, 98]])).last_hidden_state[0, -1]
        )
    model.save_pretrained(folder)
    ((_, (given,)),) = answer(run, [2], [Prompt("ants", [1, 98])], max_tokens=4, device="cpu")

    assert (given.text, given.has_ended) == ("", True)


def test_what_is_no_run_is_said(tmp_path, run):
    """A folder of something else, and a run that kept no epochs."""
    with pytest.raises(ArtifactError, match="expected the folder of a training run"):
        record_of(tmp_path)
    with pytest.raises(ArtifactError, match=r"the models of its epochs, which `lima` keeps"):
        epochs_of(tmp_path)

    assert epochs_of(run) == [1, 2, 3]
    assert record_of(run)["train"]["name"] == "go"
