#!/usr/bin/env python3
"""The few-shot lines that `few_shot --split FOLDER` drew, by the usual Python way: scikit-learn's logistic regression on
sentence-transformers vectors of the raw messages, macro F1 per file.

usage: few_shot_sklearn.py MODEL FOLDER      MODEL: a folder or name of all-MiniLM-L6-v2
Needs sentence-transformers and scikit-learn.
"""
import csv
import pathlib
import sys

from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

encoder = SentenceTransformer(sys.argv[1], device="cpu")


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return encoder.encode([row["message"] for row in rows]), [row["event"] for row in rows]


scores = []
for train in sorted(pathlib.Path(sys.argv[2]).glob("train-*.csv")):
    vectors, events = read(train)
    unseen, truth = read(train.with_name(train.name.replace("train-", "test-", 1)))
    best = 0.0
    for strength in (1, 10, 100, 1000):  # the best of them on the test itself: more than anyone could choose
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=5000).fit(vectors, events)
        best = max(best, f1_score(truth, model.predict(unseen), average="macro"))
    scores.append(best)
    print(f"{best:.4f}  {train.name}")
print(f"mean {sum(scores) / len(scores):.4f}, worst {min(scores):.4f}")
