#!/usr/bin/env python3
"""Writes small inputs for the fuzz targets to begin with, into fuzz/corpus: python3 fuzz/seeds.py"""

import json
import pathlib
import struct
import subprocess

FUZZ = pathlib.Path(__file__).parent
HEADER = b'source,log_message\n'

CSV = [
    b'App,user logged in\nCron,backup\n',
    b'App,backup',
    b'App,user logged in\r\nCron,backup\r\n',
    b'App,a\rCron,b\r',
    b'a,b\r\nc,d\ne,f\rg,h\r\n',
    b'App,"a\nbackup"\nApp,"\r\n"\n',
    b'"a,b","backup, again"\n',
    b'App,"the ""backup"""\n',
    b'App,the "backup" ran\n',
    b'App,"back"up\n',
    b',\n"",""\n',
    b'\nApp,backup\n\r\n\nApp,backup\n\n',
    b'A\0p,\0backup\0\n',
    b'\xff\xfe,backup \xc3\x28 \x80\n',
    b'A,\xc0\xaf\xed\xa0\x80\n',
    b'lonely\nApp,a,b\nApp,"open, backup\nCron,backup\n',
    b'a,"x""\nb,"y"""\n',
    b'"a\r","\n"\r\r\n',
]

NDJSON = [
    b'{"s":"App","a":{"b":"user logged in"},"n":1.50,"u":"\\u00e9" }\n',
    b'\n  {"a.b":"backup \\"done\\"","label":1}  \r\n{"a":{"b":null}}',
    b'{"a":{"b":[104,105]},"label":{"x":"}"},"l\\u0061bel":2}\n[1]\nnot json\n{"a":{"b":"\xff"}}\n',
    b'{"a":{"b":"\\ud800"},"s":[]}\n{"a":{"b":{"c":{}}}}\n{}x\n{"a":}\n',
]

TEXT = [
    'User 4711 logged out after 35 minutes',
    '2024-01-02T03:04:05.678Z 10.0.0.1:8080 GET /api/v1/x?id=7 HTTP/1.1 status 200 len 1893',
    'fe80::1%eth0 0x7ffe8a 550e8400-e29b-41d4-a716-446655440000 /var/log/x.log a@b.example',
    'İstanbul ΣΑΣ Straße ﬁ Ⅷ e\u0301\u0323 日本語 한국어 👩‍👩‍👧 [CLS] [unk][UNK] x##ing',
    'Jan  2 03:04:05 host kernel: [12.5] I/O error on sda1, sector 1,234 (-5) 99.9% {"a":[1,2]}',
]

CONFIG = [
    'min_confidence = 0.6\ndefault_rules = true\n[columns]\nsource = "app"\nmessage = "text"\nlabel = "category"\n',
    '[[rule]]\nname = "disk"\nlabel = "Critical Error"\npattern = \'(?i)\\bI/O error on sd[a-z]\\b\'\nsource = "kernel"\n',
    '[[route]]\nsource = "LegacyCRM"\nstages = ["llm", "rules", "model"]\n',
    '[llm]\nprovider = "groq"\nmodel = "m"\nbase_url = "https://llm.example/v1"\napi_key_env = "KEY"\n'
    'concurrency = 4\nprice_in = 0.1\n[labels]\n"A b" = "what it is"\n[labels."C"]\nexamples = ["x"]\n',
]


def model_files():
    """The bundled model's metadata with few and short tensors, in whose place nothing fits."""
    whole = (FUZZ / '../models/default.safetensors').read_bytes()
    length = struct.unpack('<Q', whole[:8])[0]
    header = json.loads(whole[8:8 + length])
    about = json.loads(header['__metadata__']['logclass'])
    about['training'] = {name: [] if isinstance(value, list) else value for name, value in about['training'].items()}
    small = {'__metadata__': {'logclass': json.dumps(about)}}
    for kept in ({}, small):
        text = json.dumps(kept).encode()
        yield struct.pack('<Q', len(text)) + text
    tensors = dict(small)
    at = 0
    for name, value in header.items():
        if name != '__metadata__':
            tensors[name] = {'dtype': value['dtype'], 'shape': [0], 'data_offsets': [at, at]}
    text = json.dumps(tensors).encode()
    yield struct.pack('<Q', len(text)) + text
    yield whole[:64]


def zstd_files():
    for text in (HEADER + CSV[0], b'', b'a' * 2000):
        try:
            packed = subprocess.run(['zstd', '-q', '-c'], input=text, capture_output=True, check=True).stdout
        except FileNotFoundError:
            return
        yield b'\0\0\x07\0' + packed[4:]  # the target puts the magic number back


SEEDS = {
    'csv': [bytes([size]) + rows for rows in CSV for size in (3, 255)],
    'ndjson': NDJSON,
    'mask': [text.encode() for text in TEXT] + CSV,
    'tokenizer': [text.encode() for text in TEXT],
    'config': [text.encode() for text in CONFIG],
    'model': list(model_files()),
    'zstd': [b'\x0a\x00\x30\x00' + rows for rows in CSV] + list(zstd_files()),
}

for target, seeds in SEEDS.items():
    folder = FUZZ / 'corpus' / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (folder / f'seed-{number}').write_bytes(seed)
    print(f'{target:10} {len(seeds):3} seeds, the longest of {max(map(len, seeds)):,} bytes')
