"""Parts of recipes, each usable by itself in any torch loop.

In: a model, parameters or a batch. Out: an optimizer, a learning rate, noise on the residual
stream, rows of an embedding, a loss. A part knows no recipe and no other part.

    adafactor      Adafactor with a given learning rate, as Shazeer & Stern 2018 define it
    curves         learning rates over steps: warm-up, then constant, linear or cosine
    decay          which parameters weight decay applies to
    dropout        dropout on residual branches, rising over the layers; noise is found by key
    end_of_turn    rows for new tokens that change no old logit
    lora           LoRA by peft, rows of new tokens trained by themselves
    losses         the weight of each trained token; cross-entropy at trained places, in pieces
    precision      refuses parameters that are too coarse to be trained
"""
