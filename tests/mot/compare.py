#!/usr/bin/env python3
"""MOTA and IDF1 of the tracks that `track::tests` wrote, by motmetrics 1.4 (pip install motmetrics).

    mkdir /tmp/mot && EDGECAM_MOT=/tmp/mot cargo test --lib generated_scenes -- --nocapture
    python3 tests/mot/compare.py /tmp/mot
"""
import pathlib
import sys

import motmetrics

folder = pathlib.Path(sys.argv[1])
metrics = motmetrics.metrics.create()
for fps in sorted({path.name.split("-")[0] for path in folder.glob("*-truth.csv")}, key=int):
    runs = []
    for truth in sorted(folder.glob(f"{fps}-*-truth.csv")):
        tracks = truth.with_name(truth.name.replace("truth", "tracks"))
        load = lambda path: motmetrics.io.loadtxt(path, fmt="mot15-2D")
        runs.append(motmetrics.utils.compare_to_groundtruth(load(truth), load(tracks), "iou", distth=0.5))
    names = ["idf1", "mota", "num_objects", "num_misses", "num_false_positives", "num_switches", "idtp"]
    summary = metrics.compute_many(runs, metrics=names, generate_overall=True).loc["OVERALL"]
    print(f"{fps} fps: IDF1 {summary['idf1']:.4f}, MOTA {summary['mota']:.4f},",
          ", ".join(f"{name} {int(summary[name])}" for name in names[2:]))
