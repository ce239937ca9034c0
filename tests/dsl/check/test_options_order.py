"""Options over a choice are shown in the order in which the template writes them."""

import taskc

SPEC = """\
language 1

param data: path = "data"

schema question {
  text:   text
  answer: choice(no, yes)
}

source questions: question {
  from    jsonl("{data}/questions.jsonl")
  splits  train
  license "CC0 1.0"
}

template ask for questions {
  options answer {
    yes: "Yes"
    no:  "No"
  }
  prompt plain: "{text}\\n{options}" -> "{answer}"
}

mixture all {
  from questions
}

tokenizer words {
  from file("words.json")
  eos  "</s>"
}

build all {
  mixture   all
  tokenizer words
  format    prompt_target(input: 64, target: 8, separator: eos, end: eos, bos: none)
  pack      best_fit(length: 128)
  splits    train
}
"""


def test_a_templates_own_order_wins_over_the_schemas(tmp_path):
    """Else two templates of one schema could not differ: the text must show what is read."""
    (tmp_path / "spec.task").write_text(SPEC, encoding="utf-8")
    (build,) = taskc.plan(tmp_path).builds
    (template,) = build.templates

    assert ("yes", "no") == tuple(value for value, _ in template.options.surfaces)
