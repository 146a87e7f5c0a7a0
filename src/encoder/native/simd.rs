//! The vector operations that the kernels are written in, whatever the instruction set.
//!
//! A kernel is an [`Operation`]: plain generic code over [`Simd`]. [`Simd::run`] compiles it once for each instruction set.
//! A value of a `Simd` type is the proof that the processor has the instructions (only its `detect` makes one), which
//! is what lets the operations be safe functions.
//!
//! **Words.** The factors of a matrix product are kept as 32-bit words: one f32 or two neighbouring bf16
//! ([`Simd::OPERANDS_PER_WORD`]). A step of a product broadcasts one word of a row and multiplies it with a vector of words of as many
//! columns, so the kernels are the same code for both. Everything else (sums, residuals, normalisation, softmax) is f32.

/// Code to be compiled with the instructions of a [`Simd`].
pub(super) trait Operation {
    type Output;

    /// Must be `#[inline(always)]`, and so must all it calls: only what is inlined into [`Simd::run`] gets its instructions.
    fn apply<S: Simd>(self, simd: S) -> Self::Output;
}

/// Room for a block of sums of [`Simd::block`]: 32 rows of 32 values.
#[repr(align(64))]
pub(super) struct SumBlock(pub(super) [f32; 32 * 32]);

/// Vectors of f32 of one instruction set.
pub(super) trait Simd: Copy + Send + Sync + 'static {
    /// `LANES` values of f32, or as many words.
    type Vector: Copy;

    /// Values of f32 in a vector.
    const LANES: usize;
    /// Factors in a 32-bit word: 1 (f32) or 2 (bf16).
    const OPERANDS_PER_WORD: usize;
    /// Vectors in a row of the tile of sums that a matrix product keeps in registers: with six rows, what the registers hold.
    const TILE_VECTORS: usize;

    /// Rows and columns of the blocks of sums that the processor makes in tiles of its own, at most those of a [`SumBlock`]; 0 where it
    /// has none, and a matrix product sums in registers.
    const BLOCK: usize = 0;

    /// Runs `operation` compiled with these instructions.
    fn run<O: Operation>(self, operation: O) -> O::Output;

    fn splat(self, value: f32) -> Self::Vector;
    /// The first `LANES` values of `source`, which has at least as many.
    fn load(self, source: &[f32]) -> Self::Vector;
    /// Into the first `LANES` values of `target`, which has at least as many.
    fn store(self, target: &mut [f32], vector: Self::Vector);
    fn add(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    fn subtract(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    fn multiply(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    fn divide(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    fn maximum(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    fn minimum(self, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    /// `left * right + sum`, rounded once where the processor can.
    fn multiply_add(self, left: Self::Vector, right: Self::Vector, sum: Self::Vector) -> Self::Vector;
    /// `bits(vector) + (bits(exponent) << 23)`: `vector` times two to the integer in the low bits of `exponent`.
    fn scale_by_power(self, vector: Self::Vector, exponent: Self::Vector) -> Self::Vector;
    /// The first `count` lanes of `vector`, `fill` in the others.
    fn keep_first(self, vector: Self::Vector, count: usize, fill: Self::Vector) -> Self::Vector;
    fn sum_of_lanes(self, vector: Self::Vector) -> f32;
    fn maximum_of_lanes(self, vector: Self::Vector) -> f32;

    /// The first `LANES` words of `source`, which has at least as many.
    fn load_words(self, source: &[u32]) -> Self::Vector;
    fn splat_word(self, word: u32) -> Self::Vector;
    /// `sum` plus the products of the operands in the words of `left` and `right`.
    fn dot(self, sum: Self::Vector, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    /// Rounds `2 * LANES` values to operands and stores them in the first `2 * LANES / OPERANDS_PER_WORD` words of `target`.
    fn store_operands(self, target: &mut [u32], low: Self::Vector, high: Self::Vector);

    /// Words of rows, `stride` apart in `rows`, as columns of `columns`, whose lines are `width` words: `count` rows, `LANES` at most, of
    /// `LANES` words each. What the lines hold in the columns after the last row, up to `LANES`, is undefined.
    #[inline(always)]
    fn transpose(self, rows: &[u32], stride: usize, count: usize, columns: &mut [u32], width: usize) {
        for (row, words) in rows.chunks(stride).take(count).enumerate() {
            for (line, &word) in columns.chunks_mut(width).zip(&words[..Self::LANES]) {
                line[row] = word;
            }
        }
    }

    /// Before the blocks of a product.
    #[inline(always)]
    fn begin_blocks(self) {}

    /// After them.
    #[inline(always)]
    fn end_blocks(self) {}

    /// A block of sums: the first `rows` rows of `operands`, of `depth` words each, times the first [`Self::BLOCK`] columns of `panel`,
    /// whose `depth` lines are `width` words apart. Row `r` of the block begins at `sums.0[r * BLOCK]`; `operands` can be
    /// read to the end of a whole tile of rows, and what the rows after `rows` hold is undefined.
    #[inline(always)]
    fn block(
        self,
        _operands: &[u32],
        _depth: usize,
        _rows: usize,
        _panel: &[u32],
        _width: usize,
        _sums: &mut SumBlock,
    ) {
        unreachable!("only where BLOCK is not 0")
    }
}
