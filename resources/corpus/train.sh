#!/usr/bin/env bash
# Trains what the binary carries: the fine-tuned encoder and the default model, from the corpus and the published MiniLM.
#
#   resources/corpus/train.sh MINILM [FOLDER]
#
# MINILM is a folder with config.json, tokenizer.json and model.safetensors of sentence-transformers/all-MiniLM-L6-v2, rounded to
# f16 (models/all-MiniLM-L6-v2-logs/README.md says where from and how). FOLDER gets the encoder and the model. Half an hour of two
# cores; the same input gives the same bytes. An encoder that is in FOLDER already is taken as it is, and only the model is trained.
set -euo pipefail
minilm=$(cd "${1:?the folder of the published encoder}" && pwd)
mkdir -p "${2:-trained}"
out=$(cd "${2:-trained}" && pwd)
cd "$(dirname "$0")"
# The parts of a batch are computed in parallel already; candle's own threads would only be in the way.
export RAYON_NUM_THREADS=1 CANDLE_NUM_THREADS=1
train() {
  cargo run --release -- train programs sentences --weight "sentences=$1" --group-column source \
    --prior 'System Notification=0.6' --precision 0.9 \
    --encoder "$minilm" --fine-tune-encoder "$out/all-MiniLM-L6-v2-logs" --epochs "$2" -o "$out/default.safetensors"
}
# The encoder should know the wording of real programs above all; the head, which comes after, can give the older part more room.
test -f "$out/all-MiniLM-L6-v2-logs/model.safetensors" || train 0.25 2
train 0.6 0
