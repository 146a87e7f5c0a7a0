//! The distributions and corrections that decide what is more than chance.

/// Discoveries that may be false, as a share of all.
pub const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// Coefficients of the Lanczos approximation with g = 7 (C. Lanczos, *A Precision Approximation of the Gamma
/// Function*, SIAM J. Numer. Anal. B 1 (1964), 86-96; these by P. Godfrey).
const LANCZOS: [f64; 8] = [
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];

/// Logarithm of the gamma function, for `x` of 0.5 and above.
fn ln_gamma(x: f64) -> f64 {
    let x = x - 1.0;
    let sum = LANCZOS.iter().zip(1_u8..).fold(0.999_999_999_999_809_9, |sum, (coefficient, index)| {
        sum + coefficient / (x + f64::from(index))
    });
    let t = x + 7.5;
    0.918_938_533_204_672_8 + (x + 0.5) * t.ln() - t + sum.ln()
}

/// The regularised incomplete beta function `I_x(a`, b), by its continued fraction (NIST DLMF 8.17.22),
/// evaluated with the method of Lentz.
#[allow(clippy::many_single_char_names)] // the names of the formula
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp() / a;
    let tiny = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut d = 1.0 / tiny(1.0 - (a + b) * x / (a + 1.0));
    let mut c = 1.0;
    let mut fraction = d;
    for m in 1..200_u8 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = fraction;
        for term in [even, odd] {
            d = 1.0 / tiny(1.0 + term * d);
            c = tiny(1.0 + term / c);
            fraction *= d * c;
        }
        if (fraction / before - 1.0).abs() < 1e-12 {
            break;
        }
    }
    (front * fraction).clamp(0.0, 1.0)
}

/// Probability that an F-distributed value with 1 and `freedom` degrees of freedom is `f` or more (DLMF 8.17,
/// with x = freedom / (freedom + f)).
pub fn f_tail(f: f64, freedom: f64) -> f64 {
    if f <= 0.0 { 1.0 } else { incomplete_beta(freedom / (freedom + f), freedom / 2.0, 0.5) }
}

/// Probability that a Poisson variable with this mean is `count` or more.
pub fn poisson_tail(count: u64, mean: f64) -> f64 {
    if count == 0 {
        return 1.0;
    }
    if mean <= 0.0 {
        return 0.0;
    }
    let mut below = 0.0;
    let mut log_term = -mean;
    for k in 0..count.min(1_000_000) {
        below += log_term.exp();
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        let next = (k + 1) as f64;
        log_term += mean.ln() - next.ln();
        if next > mean && log_term < -745.0 {
            break;
        }
    }
    (1.0 - below).clamp(0.0, 1.0)
}

/// Probability that a geometric variable, from 1, is `value` or more, when all that is known of its mean are
/// `known` values that exceed 1 by `beyond` in all: the beta-geometric (Waring) distribution that follows
/// from a uniform prior.
#[allow(clippy::cast_precision_loss)] // statistics
pub fn waring_tail(value: u64, known: f64, beyond: f64) -> f64 {
    let mut tail = 1.0;
    for step in 0..value.saturating_sub(1) {
        tail *= (1.0 + beyond + step as f64) / (2.0 + known + beyond + step as f64);
        if tail < 1e-300 {
            break;
        }
    }
    tail
}

/// The q-values of p-values: the share of false discoveries to expect among all that are as small (Y.
/// Benjamini and Y. Hochberg, *Controlling the False Discovery Rate*, J. R. Stat. Soc. B 57 (1995), 289-300).
pub fn false_discovery_rates(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&one, &other| p[other].total_cmp(&p[one]));
    let mut rates = vec![1.0; p.len()];
    let mut least: f64 = 1.0;
    for (place, &index) in order.iter().enumerate() {
        #[allow(clippy::cast_precision_loss)] // as many as there are templates
        let factor = p.len() as f64 / (p.len() - place) as f64;
        least = least.min(p[index] * factor);
        rates[index] = least;
    }
    rates
}

/// G, the likelihood ratio of two counts against what was expected of them: twice the sum of observed times
/// ln (observed / expected) (R. Sokal and F. J. Rohlf, *Biometry*, 1995; for word frequencies in two corpora
/// T. Dunning, *Accurate Methods for the Statistics of Surprise and Coincidence*, Comput. Linguist. 19
/// (1993), 61-74).
pub fn g(observed: [f64; 2], expected: [f64; 2]) -> f64 {
    let term = |(o, e): (f64, f64)| if o > 0.0 { o * (o / e).ln() } else { 0.0 };
    2.0 * observed.into_iter().zip(expected).map(term).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6 + 1e-6 * expected.abs(), "{found} is not {expected}");
    }

    #[test]
    fn the_distributions_agree_with_published_tables() {
        near(ln_gamma(10.0), 362_880_f64.ln());
        near(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln());
        // Critical values of F at 5 % and 1 %.
        assert!((f_tail(4.964_603, 10.0) - 0.05).abs() < 1e-5);
        assert!((f_tail(10.044_289, 10.0) - 0.01).abs() < 1e-5);
        assert!((f_tail(161.447_639, 1.0) - 0.05).abs() < 1e-5);
        // With many degrees of freedom F is chi-squared: 3.841 at 5 %.
        assert!((f_tail(3.841_459, 1e6) - 0.05).abs() < 1e-4);
        near(poisson_tail(1, 1.0), 1.0 - (-1.0_f64).exp());
        near(poisson_tail(3, 2.0), 0.323_323_583_816_936_5);
        near(poisson_tail(0, 0.0), 1.0);
        near(waring_tail(1, 5.0, 3.0), 1.0);
        // Without any knowledge every size is as likely as that it is exceeded no more: 1 / n.
        near(waring_tail(4, 0.0, 0.0), 0.25);
        near(waring_tail(3, 3.0, 0.0), 1.0 / 5.0 * 2.0 / 6.0);
        near(poisson_tail(1, 0.0), 0.0);
    }

    #[test]
    fn false_discovery_rates_are_those_of_benjamini_and_hochberg() {
        let rates = false_discovery_rates(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in rates.into_iter().zip([0.02, 0.04, 0.04, 0.02]) {
            near(found, expected);
        }
        assert!(false_discovery_rates(&[]).is_empty());
    }
}
