"""The agent of `agents/` on a Ray cluster: the same learning, with the playing and the evaluating spread over machines.

                        driver (one process; the learner's GPU, if there is one)
                +-----------------------------------------------------------------------+
    actor 0 ----|- seat 0 --+                                                           |
    actor 1 ----|- seat 1 --+-- steps --> bounded queue --> learner, replay, checkpoint |
      ...       |    ...    +-- graphs -> service: cache, in-flight --> design store    |
    actor A ----|- seat A --+               |                                           |
                +---------------------------|-------------------------------------------+
         ^                            bounded queue
         | weights, once a version          |
     object store              evaluator 0, 1, ... (an actor and its worker process each)

An actor plays a batch of environments and knows nobody: it is asked by its seat, a thread of the driver, and answers
either with graphs that it wants evaluated or with the step that it made. So one service sees every graph (two actors
that ask for one cost one evaluation), one session writes every result, and whoever dies leaves nothing behind that
somebody else waits for: an actor is begun anew from its last step, a unit of work goes to another evaluator.

Only this package of `agents/` imports Ray.
"""
