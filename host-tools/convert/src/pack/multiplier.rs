//! Real factors as integers: the host's part of `docs/numerics.md`.

use dunlin_runtime::fixed_point::scale_rounding_twice;

use super::error::Refusal;

/// A factor `multiplier · 2^(shift − 31)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Multiplier {
    /// 0, or at least 2³⁰ where nothing else is said.
    pub multiplier: i32,
    /// −31 to 30.
    pub shift: i32,
}

impl Multiplier {
    /// The multiplier nearest to a factor.
    ///
    /// # Errors
    /// If the factor is negative, not finite, or 2³⁰ and above.
    pub fn of(factor: f64) -> Result<Self, Refusal> {
        if !(factor.is_finite() && factor >= 0.0) {
            return Err(Refusal::scales(format!("its scales make a factor of {factor}")));
        }
        if factor == 0.0 {
            return Ok(Self::default());
        }
        let (fraction, mut shift) = libm::frexp(factor);
        let mut multiplier = (fraction * (1u64 << 31) as f64).round() as i64;
        if multiplier == 1 << 31 {
            multiplier /= 2;
            shift += 1;
        }
        if shift < -31 {
            return Ok(Self::default());
        }
        if shift > 30 {
            return Err(Refusal::scales(format!("its scales make a factor of {factor:e}")));
        }
        Ok(Self { multiplier: multiplier as i32, shift })
    }

    /// `value` times the factor, rounded twice, as the runtime does it.
    pub fn scale(self, value: i32) -> i32 {
        scale_rounding_twice(value, self.multiplier, self.shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipliers_are_the_nearest_ones() {
        let mut factor = 3.1e-10;
        while factor < 1e9 {
            let Multiplier { multiplier, shift } = Multiplier::of(factor).unwrap();
            assert!(multiplier >= 1 << 30);
            let found = f64::from(multiplier) * f64::from(shift - 31).exp2();
            assert!((found / factor - 1.0).abs() <= 0.5f64.powi(31), "{factor:e} became {found:e}");
            factor *= 1.000_71;
        }
        let one = Multiplier { multiplier: 1 << 30, shift: 1 };
        assert_eq!(Multiplier::of(1.0), Ok(one));
        assert_eq!(Multiplier::of(1.0 - f64::EPSILON), Ok(one), "rounds up to the next power of two");
        assert_eq!(Multiplier::of(1e-11), Ok(Multiplier::default()));
        assert!(
            Multiplier::of(2e9).is_err()
                && Multiplier::of(-1.0).is_err()
                && Multiplier::of(f64::NAN).is_err()
        );
    }
}
