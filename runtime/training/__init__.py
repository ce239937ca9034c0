"""What a training run is made of, stage by stage; `taskc.runtime.train` drives it.

In: an artefact's rows and a recipe. Out: steps, checkpoints and a model. Nothing here reads a
specification, and nothing draws a random number that is not found by key.

    machine         device, sizes and precision: how, not what
    models          the model in float32, and what refuses one
    adapters        LoRA: what it needs of model and artefact; an adapter added to its model
    ranks           the processes that share a run: sums over them, sharding
    packs           a step's examples joined into rows
    micro_batches   a step's rows cut into pieces that fit, with what is trained in each
    loading         micro-batches on the device, made ahead of their step
    step            loss, gradients and update of one step, the same for any cut and any ranks
    blame           which examples made a step's numbers infinite
    checkpoint      a run's state on disk, whole or not at all
    memory          what a run will take, said before it starts
    run             steps, log, checkpoints, the model at the end
"""
