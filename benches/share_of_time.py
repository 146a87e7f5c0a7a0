#!/usr/bin/env python3
"""Where the time of a run goes, by part, from samples of `perf record`.

    cargo build --profile profiling
    perf record -F 499 -o perf.data target/profiling/logclass classify FILE.csv -o out.csv --threads 1
    benches/share_of_time.py perf.data target/profiling/logclass

A sample belongs to the first part below that one of its source files has, whether called or inlined: kernels are inlined into one
function for each instruction set, so the function's name alone would not tell. Needs perf and addr2line (binutils).
"""
import collections
import re
import subprocess
import sys

PARTS = [
    ("attention", r"native/(attention|exponential)\.rs"),
    ("layer norm", r"native/normalize\.rs"),
    ("matrix products and what is fused to them", r"native/(multiply|epilogue|gelu|amx)\.rs"),
    ("packing the weights", r"native/(packed|model|weights)\.rs|/half-"),
    ("encoder, the rest", r"encoder/native/forward\.rs|encoder/mod\.rs"),
    ("tokenising", r"encoder/(tokenize|wordpiece)|/unicode"),
    ("lexical path and n-grams", r"src/head/(lexical|words|ngrams)"),
    ("head", r"src/head/"),
    ("masking", r"src/template"),
    ("rules", r"/regex|/aho-corasick|src/rules\.rs"),
    ("reading and cutting", r"src/input/"),
    ("tables", r"pipeline/table\.rs|/hashbrown|/xxhash"),
    ("writing", r"pipeline/(row|write)\.rs|src/output"),
    ("pipeline, the rest", r"src/pipeline|/rayon"),
]


def main():
    samples, program = sys.argv[1:]
    listing = subprocess.run(
        ["perf", "script", "-i", samples, "--show-mmap-events", "-F", "comm,ip,dso"], capture_output=True, text=True, check=True
    ).stdout
    base = None
    addresses, elsewhere = collections.Counter(), collections.Counter()
    for line in listing.splitlines():
        mapped = re.search(r"MMAP2.*\[0x([0-9a-f]+)\(0x[0-9a-f]+\) @ (0x[0-9a-f]+|0) .*\]: r-xp .*/logclass", line)
        if mapped:
            # Where the file's first byte would lie: the loader keeps distances between segments.
            base = int(mapped[1], 16) - int(mapped[2], 16)
            continue
        sample = re.search(r"\s([0-9a-f]+)\s+\((.*)\)\s*$", line)
        if not sample or "MMAP" in line:
            continue
        if sample[2].endswith("/logclass"):
            addresses[int(sample[1], 16)] += 1
        elif "kernel" in sample[2]:
            elsewhere["system calls"] += 1
        else:
            elsewhere["C library (copies, comparisons)"] += 1
    # Addresses in the file differ from offsets by what the segment's header says.
    headers = subprocess.run(["readelf", "-lW", program], capture_output=True, text=True, check=True).stdout
    code = re.search(r"LOAD\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s.*R E", headers)
    shift = int(code[2], 16) - int(code[1], 16)
    wanted = sorted(addresses)
    text = "\n".join(hex(address - base + shift) for address in wanted)
    found = subprocess.run(["addr2line", "-e", program, "-a", "-i"], input=text, capture_output=True, text=True, check=True).stdout
    shares = collections.Counter(elsewhere)
    frames, index = [], -1
    for line in found.splitlines() + ["0x0"]:
        if line.startswith("0x"):
            if index >= 0:
                part = next((name for name, files in PARTS if any(re.search(files, frame) for frame in frames)), "the rest")
                shares[part] += addresses[wanted[index]]
            frames, index = [], index + 1
        else:
            frames.append(line)
    total = sum(shares.values())
    for part, count in shares.most_common():
        print(f"{100 * count / total:5.1f} %  {part}")


main()
