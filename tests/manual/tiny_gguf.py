"""Writes a llama-architecture GGUF with random weights and a vocabulary of bytes: half a megabyte, and complete."""

import sys

import gguf
import numpy

LAYERS, WIDTH, HEADS, FEED_FORWARD = 2, 64, 4, 128
random = numpy.random.default_rng(0)


def weights(*shape):
    # As large as they are, so that what is said depends on what was asked; smaller ones always say the same.
    return random.standard_normal(shape).astype(numpy.float32)


# The space has a token of its own, for this kind of tokenizer turns it into a character of three bytes.
tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + ["\u2581"]
kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL] + [gguf.TokenType.BYTE] * 256
kinds += [gguf.TokenType.NORMAL]

writer = gguf.GGUFWriter(sys.argv[1], "llama")
writer.add_name("tiny random")
writer.add_context_length(8192)
writer.add_embedding_length(WIDTH)
writer.add_block_count(LAYERS)
writer.add_feed_forward_length(FEED_FORWARD)
writer.add_head_count(HEADS)
writer.add_head_count_kv(HEADS)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_dimension_count(WIDTH // HEADS)
writer.add_vocab_size(len(tokens))
writer.add_tokenizer_model("llama")
writer.add_token_list(tokens)
writer.add_token_scores([0.0] * len(tokens))
writer.add_token_types(kinds)
writer.add_unk_token_id(0)
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)

writer.add_tensor("token_embd.weight", weights(len(tokens), WIDTH))
writer.add_tensor("output_norm.weight", numpy.ones(WIDTH, dtype=numpy.float32))
writer.add_tensor("output.weight", weights(len(tokens), WIDTH))
for layer in range(LAYERS):
    block = f"blk.{layer}"
    writer.add_tensor(f"{block}.attn_norm.weight", numpy.ones(WIDTH, dtype=numpy.float32))
    writer.add_tensor(f"{block}.ffn_norm.weight", numpy.ones(WIDTH, dtype=numpy.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"{block}.{name}.weight", weights(WIDTH, WIDTH))
    writer.add_tensor(f"{block}.ffn_gate.weight", weights(FEED_FORWARD, WIDTH))
    writer.add_tensor(f"{block}.ffn_up.weight", weights(FEED_FORWARD, WIDTH))
    writer.add_tensor(f"{block}.ffn_down.weight", weights(WIDTH, FEED_FORWARD))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
