//! The instruction sets the encoder is written for, and which of them this processor has.
//!
//! One name for what the user may force, what is reported, and what [`super::NativeEncoder::new`] compiles its weights for.

use std::fmt;
use std::str::FromStr;

/// What the encoder computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instructions {
    /// As [`Self::Avx512Bf16`], with matrix products in the tiles of AMX.
    Amx,
    /// 512-bit vectors; products of bf16 pairs added up in f32.
    Avx512Bf16,
    /// 512-bit vectors of f32.
    Avx512,
    /// 256-bit vectors of f32 with fused multiply-add.
    Avx2,
    /// Plain Rust in f32: every other processor.
    Portable,
}

impl Instructions {
    /// All of them, the best first.
    pub const ALL: [Self; 5] = [Self::Amx, Self::Avx512Bf16, Self::Avx512, Self::Avx2, Self::Portable];

    /// Those this processor has, the best first; [`Self::Portable`] is always the last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|instructions| instructions.is_available()).collect()
    }

    /// The fastest this processor has.
    #[must_use]
    pub fn best() -> Self {
        Self::ALL.into_iter().find(|instructions| instructions.is_available()).unwrap_or(Self::Portable)
    }

    fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            use super::{avx2::Avx2, avx512::Avx512};
            match self {
                #[cfg(target_os = "linux")]
                Self::Amx => super::amx::Amx::detect().is_some(),
                #[cfg(not(target_os = "linux"))]
                Self::Amx => false,
                Self::Avx512Bf16 => Avx512::<true>::detect().is_some(),
                Self::Avx512 => Avx512::<false>::detect().is_some(),
                Self::Avx2 => Avx2::detect().is_some(),
                Self::Portable => true,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Self::Portable
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Amx => "amx-bf16",
            Self::Avx512Bf16 => "avx512-bf16",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }
}

impl fmt::Display for Instructions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Instructions {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> anyhow::Result<Self> {
        Self::ALL.into_iter().find(|instructions| instructions.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            anyhow::anyhow!("no instruction set `{name}` (there are {names})")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for instructions in Instructions::ALL {
            assert_eq!(instructions.to_string().parse::<Instructions>().unwrap(), instructions);
        }
        assert!("avx1024".parse::<Instructions>().is_err());
    }

    #[test]
    fn best_is_the_first_available_and_portable_the_last() {
        let available = Instructions::available();
        assert_eq!(available.first(), Some(&Instructions::best()));
        assert_eq!(available.last(), Some(&Instructions::Portable));
    }
}
