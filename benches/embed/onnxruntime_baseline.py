"""onnxruntime on one thread for `main.rs`: reads `TOKENS ROUNDS` per line, writes the milliseconds of each round."""
import sys
import time

import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
for line in sys.stdin:
    tokens, rounds = map(int, line.split())
    ids = np.array([[101, *[2773] * (tokens - 2), 102]])
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    feeds = {i.name: feeds[i.name] for i in session.get_inputs()}
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        session.run(["last_hidden_state"], feeds)
        times.append(1000 * (time.perf_counter() - started))
    print(*times, flush=True)
