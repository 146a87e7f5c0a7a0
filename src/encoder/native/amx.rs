//! Products in the tiles of AMX (Sapphire Rapids and later, Linux): everything else as in AVX-512 with bf16.
//!
//! Stable Rust has no intrinsics for tiles, so they are inline assembly. A block of sums is two tiles of sixteen rows by
//! two tiles of sixteen columns; the whole depth is one `asm!` block, so no tile has to outlive it. Operands and panels lie as the
//! other paths have them: a row of operand pairs is a row of a left tile, and a panel's line of words is one of a right tile.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, __m512};
use std::sync::OnceLock;

use super::avx512::Avx512;
use super::simd::{Operation, Simd, SumBlock};

/// Rows of a tile, and words in a row of it.
const TILE: usize = 16;
/// Rows and columns of a block of sums.
const BLOCK: usize = 2 * TILE;

/// The proof that this processor has AMX with bf16 products, and that the kernel lets this process use it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amx(Avx512<true>);

impl Amx {
    pub(super) fn detect() -> Option<Self> {
        static ALLOWED: OnceLock<bool> = OnceLock::new();
        let vectors = Avx512::detect()?;
        (*ALLOWED.get_or_init(|| has_tiles() && ask_kernel())).then_some(Self(vectors))
    }
}

/// Whether the processor has tiles and their bf16 products: leaf 7 of CPUID, EDX, bits 24 and 22 (Intel, Software Developer's Manual,
/// volume 2A).
fn has_tiles() -> bool {
    const TILES: u32 = 1 << 24;
    const BF16: u32 = 1 << 22;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & (TILES | BF16) == TILES | BF16
}

/// Asks Linux for the tile registers, which it gives to processes that ask (`Documentation/arch/x86/xstate.rst`). Threads
/// begun later have them, too.
fn ask_kernel() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_ulong = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_ulong = 18;
    // SAFETY: the call changes nothing but what this process may use.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

/// What `ldtilecfg` reads: palette 1, and for each of the eight tiles its bytes in a row and its rows.
#[repr(C, align(64))]
struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [u16; 16],
    rows: [u8; 16],
}

/// All tiles at their full size: sixteen rows of 64 bytes.
static FULL_TILES: TileConfig = {
    let mut config =
        TileConfig { palette: 1, start_row: 0, reserved: [0; 14], bytes_per_row: [0; 16], rows: [0; 16] };
    let mut tile = 0;
    while tile < 8 {
        config.bytes_per_row[tile] = 64;
        config.rows[tile] = 16;
        tile += 1;
    }
    config
};

/// Methods that are those of AVX-512 with bf16.
macro_rules! delegate {
    ($($name:ident($($argument:ident: $kind:ty),*) $(-> $result:ty)?;)*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: $kind),*) $(-> $result)? {
            self.0.$name($($argument),*)
        }
    )*};
}

impl Simd for Amx {
    type Vector = __m512;
    const LANES: usize = Avx512::<true>::LANES;
    const OPERANDS_PER_WORD: usize = Avx512::<true>::OPERANDS_PER_WORD;
    const TILE_VECTORS: usize = Avx512::<true>::TILE_VECTORS;
    const BLOCK: usize = BLOCK;

    fn run<O: Operation>(self, operation: O) -> O::Output {
        // SAFETY: `self.0` proves that the processor has the features that `run_bf16` is compiled with.
        unsafe { super::avx512::run_bf16(self, operation) }
    }

    delegate! {
        splat(value: f32) -> __m512;
        load(source: &[f32]) -> __m512;
        store(target: &mut [f32], vector: __m512);
        add(left: __m512, right: __m512) -> __m512;
        subtract(left: __m512, right: __m512) -> __m512;
        multiply(left: __m512, right: __m512) -> __m512;
        divide(left: __m512, right: __m512) -> __m512;
        maximum(left: __m512, right: __m512) -> __m512;
        minimum(left: __m512, right: __m512) -> __m512;
        multiply_add(left: __m512, right: __m512, sum: __m512) -> __m512;
        scale_by_power(vector: __m512, exponent: __m512) -> __m512;
        keep_first(vector: __m512, count: usize, fill: __m512) -> __m512;
        sum_of_lanes(vector: __m512) -> f32;
        maximum_of_lanes(vector: __m512) -> f32;
        load_words(source: &[u32]) -> __m512;
        splat_word(word: u32) -> __m512;
        dot(sum: __m512, left: __m512, right: __m512) -> __m512;
        store_operands(target: &mut [u32], low: __m512, high: __m512);
        transpose(rows: &[u32], stride: usize, count: usize, columns: &mut [u32], width: usize);
    }

    #[inline(always)]
    fn begin_blocks(self) {
        // SAFETY: `self` proves that there are tiles; the 64 bytes read are a valid configuration. Nothing that the
        // compiler makes uses tiles, so they stay as configured until `end_blocks`.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const FULL_TILES, options(nostack, readonly, preserves_flags));
        }
    }

    #[inline(always)]
    fn end_blocks(self) {
        // SAFETY: `self` proves that there are tiles. Released, they cost no time when threads are switched.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) }
    }

    #[inline(always)]
    fn block(
        self,
        operands: &[u32],
        depth: usize,
        rows: usize,
        panel: &[u32],
        width: usize,
        sums: &mut SumBlock,
    ) {
        let steps = depth / TILE;
        let tiles = if rows > TILE { 2 } else { 1 };
        assert!(depth > 0 && depth.is_multiple_of(TILE) && width >= BLOCK && rows > 0);
        assert!(operands.len() >= tiles * TILE * depth);
        assert!(panel.len() >= (depth - 1) * width + BLOCK);
        let left = operands.as_ptr();
        let right = panel.as_ptr();
        let (left_stride, right_stride) = (4 * depth, 4 * width);
        // SAFETY: `self` proves that there are tiles, and `begin_blocks` has configured them, sixteen rows of sixteen words each. Step
        // `s` reads words `16 s..16 s + 16` of 16 or 32 rows of `depth` words of `operands`, and words `0..32` of lines `16 s..16 s + 16`,
        // `width` words each, of `panel`: inside both by the asserts above. `sums` has room for 32 rows of 32 values.
        unsafe {
            if tiles == 2 {
                asm!(
                    "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                    "2:",
                    "tileloadd tmm4, [{left} + {left_stride}]",
                    "tileloadd tmm6, [{right} + {right_stride}]",
                    "tileloadd tmm7, [{right} + {right_stride} + 64]",
                    "tileloadd tmm5, [{below} + {left_stride}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    "add {left}, 64",
                    "add {below}, 64",
                    "add {right}, {right_step}",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{sums} + {sums_stride}], tmm0",
                    "tilestored [{sums} + {sums_stride} + 64], tmm1",
                    "tilestored [{sums} + {sums_stride} + {half}], tmm2",
                    "tilestored [{sums} + {sums_stride} + {half} + 64], tmm3",
                    left = inout(reg) left => _,
                    below = inout(reg) left.add(TILE * depth) => _,
                    right = inout(reg) right => _,
                    steps = inout(reg) steps => _,
                    left_stride = in(reg) left_stride,
                    right_stride = in(reg) right_stride,
                    right_step = in(reg) TILE * right_stride,
                    sums = in(reg) sums.0.as_mut_ptr(),
                    sums_stride = in(reg) 4 * BLOCK,
                    half = const 4 * BLOCK * TILE,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            } else {
                asm!(
                    "tilezero tmm0", "tilezero tmm1",
                    "2:",
                    "tileloadd tmm4, [{left} + {left_stride}]",
                    "tileloadd tmm6, [{right} + {right_stride}]",
                    "tileloadd tmm7, [{right} + {right_stride} + 64]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "add {left}, 64",
                    "add {right}, {right_step}",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{sums} + {sums_stride}], tmm0",
                    "tilestored [{sums} + {sums_stride} + 64], tmm1",
                    left = inout(reg) left => _,
                    right = inout(reg) right => _,
                    steps = inout(reg) steps => _,
                    left_stride = in(reg) left_stride,
                    right_stride = in(reg) right_stride,
                    right_step = in(reg) TILE * right_stride,
                    sums = in(reg) sums.0.as_mut_ptr(),
                    sums_stride = in(reg) 4 * BLOCK,
                    out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    }
}
