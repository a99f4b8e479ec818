//! Kernel families: the instruction sets that the inner loops are written for.

/// A kernel family. All families compute the same bytes.
///
/// The discriminant is the index of the family's scratch size in the program header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Family {
    /// Plain Rust, for every target: the definition of every result.
    Portable = 0,
    /// Armv7E-M and Armv8-M with the DSP extension (Cortex-M4, M7, M33): SMLAD.
    Dsp = 1,
    /// Armv8-A Advanced SIMD (Cortex-A53, A72): SMULL, SADALP.
    Neon = 2,
    /// Armv8.2-A dot product (Cortex-A55, A76): SDOT.
    NeonDot = 3,
    /// x86-64 with AVX2: VPMADDWD.
    Avx2 = 4,
    /// x86-64 with AVX-512 F, BW, VL and VNNI: VPDPBUSD on 512 bits.
    Vnni = 5,
}

impl Family {
    /// All families, in the order of their discriminants.
    pub const ALL: [Family; 6] =
        [Family::Portable, Family::Dsp, Family::Neon, Family::NeonDot, Family::Avx2, Family::Vnni];

    /// The name that the command line uses.
    pub const fn name(self) -> &'static str {
        match self {
            Family::Portable => "portable",
            Family::Dsp => "dsp",
            Family::Neon => "neon",
            Family::NeonDot => "neon-dot",
            Family::Avx2 => "avx2",
            Family::Vnni => "vnni",
        }
    }

    /// The family with this name.
    pub fn from_name(name: &str) -> Option<Family> {
        Family::ALL.into_iter().find(|family| family.name() == name)
    }

    /// Whether this processor runs the family and this build contains it.
    ///
    /// Without the `std` feature nothing is detected at run time: only what the build's target guarantees is available.
    pub fn is_available(self) -> bool {
        match self {
            Family::Portable => cfg!(feature = "portable") || cfg!(not(dunlin_dsp)),
            Family::Dsp => cfg!(dunlin_dsp),
            #[cfg(target_arch = "aarch64")]
            Family::Neon => true,
            #[cfg(all(target_arch = "aarch64", feature = "std"))]
            Family::NeonDot => std::arch::is_aarch64_feature_detected!("dotprod"),
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Family::Avx2 => std::arch::is_x86_feature_detected!("avx2"),
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Family::Vnni => {
                std::arch::is_x86_feature_detected!("avx512vnni")
                    && std::arch::is_x86_feature_detected!("avx512vl")
                    && std::arch::is_x86_feature_detected!("avx512bw")
                    && std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx2")
            }
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// The fastest family that is available.
    #[inline(always)]
    pub fn best() -> Family {
        // A chain, not a loop: where nothing is detected at run time, nothing is left of it.
        if Family::Vnni.is_available() {
            Family::Vnni
        } else if Family::Avx2.is_available() {
            Family::Avx2
        } else if Family::NeonDot.is_available() {
            Family::NeonDot
        } else if Family::Neon.is_available() {
            Family::Neon
        } else if Family::Dsp.is_available() {
            Family::Dsp
        } else {
            Family::Portable
        }
    }
}
