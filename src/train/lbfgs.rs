//! L-BFGS: the solver of the training.
//!
//! Limited-memory BFGS with two loops and a line search for the Wolfe conditions by bisection (Nocedal and
//! Wright, Numerical Optimization, 2nd edition, algorithms 7.4 and 7.5; Burke, Lewis and Overton for the
//! bisection). Our own because the crates that offer it bring an optimisation framework and no promise that
//! the same problem gives the same bits: here every sum has a fixed order.

use std::collections::VecDeque;

use super::dense::narrow;

/// Pairs of steps and gradient changes that are remembered, and how many where each takes much memory. These
/// are in f32, too: they only choose the direction, so what rounding does to them costs a step at the most.
const MEMORY: usize = 10;
const MEMORY_OF_LARGE: usize = 3;
/// Size of a point from which on it is large.
const LARGE: usize = 1 << 22;
/// Sufficient decrease, and below it the curvature, of the Wolfe conditions.
const DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;

/// Steps tried along one direction.
const TRIALS: usize = 16;
/// Relative decrease below which an iteration has found nothing but rounding.
const STALLED: f64 = 1e-8;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// Iterations at the most.
    pub iterations: usize,
    /// Largest gradient component, relative to the first, at which the minimum is taken as found.
    pub gradient: f64,
    /// What the first step along the gradient is multiplied by; where it is far too small, the search doubles
    /// it many times.
    pub first_step: f64,
}

/// Minimises `objective`, which returns the value at a point and writes the gradient. Starts at `point` and
/// ends there; returns the number of iterations.
pub fn minimise(point: &mut [f64], stop: Stop, objective: impl FnMut(&[f64], &mut [f64]) -> f64) -> usize {
    if point.len() < LARGE {
        search(point, stop, MEMORY, |value| value, objective)
    } else {
        search(point, stop, MEMORY_OF_LARGE, narrow, objective)
    }
}

/// A step, the change of the gradient along it, and the inverse of their product.
type Pair<T> = (Vec<T>, Vec<T>, f64);

fn search<T: Copy + Into<f64>>(
    point: &mut [f64],
    stop: Stop,
    memory: usize,
    kept: impl Fn(f64) -> T,
    mut objective: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> usize {
    let size = point.len();
    let mut gradient = vec![0.0; size];
    let mut value = objective(point, &mut gradient);
    let enough = stop.gradient * largest(&gradient).max(1e-12);
    let mut pairs: VecDeque<Pair<T>> = VecDeque::with_capacity(memory);
    let (mut trial, mut trial_gradient) = (vec![0.0; size], vec![0.0; size]);
    for iteration in 0..stop.iterations {
        if largest(&gradient) <= enough {
            return iteration;
        }
        let direction = descent(&gradient, &pairs);
        let slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            return iteration; // rounding has eaten the curvature: there is nowhere down from here
        }
        let (mut low, mut high) = (0.0, f64::INFINITY);
        let mut step =
            if pairs.is_empty() { stop.first_step / dot(&gradient, &gradient).sqrt().max(1.0) } else { 1.0 };
        let mut found = None;
        for _ in 0..TRIALS {
            for ((to, from), along) in trial.iter_mut().zip(&*point).zip(&direction) {
                *to = from + step * along;
            }
            let there = objective(&trial, &mut trial_gradient);
            if there > value + DECREASE * step * slope || !there.is_finite() {
                high = step;
            } else {
                found = Some(there);
                if dot(&trial_gradient, &direction) >= CURVATURE * slope {
                    break;
                }
                low = step;
            }
            step = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * low };
        }
        let Some(there) = found else { return iteration };
        let between = |to: &[f64], from: &[f64]| -> Vec<T> {
            to.iter().zip(from).map(|(to, from)| kept(to - from)).collect()
        };
        let moved = between(&trial, point);
        let changed = between(&trial_gradient, &gradient);
        let curvature = dot(&moved, &changed);
        point.copy_from_slice(&trial);
        std::mem::swap(&mut gradient, &mut trial_gradient);
        let stalled = value - there <= STALLED * value.abs();
        value = there;
        if stalled {
            return iteration + 1;
        }
        if curvature > 1e-14 * dot(&changed, &changed) {
            if pairs.len() == memory {
                pairs.pop_front();
            }
            pairs.push_back((moved, changed, 1.0 / curvature));
        }
    }
    stop.iterations
}

/// Minus the gradient, scaled by the inverse Hessian that the pairs stand for.
fn descent<T: Copy + Into<f64>>(gradient: &[f64], pairs: &VecDeque<Pair<T>>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|value| -value).collect();
    let mut factors = Vec::with_capacity(pairs.len());
    for (moved, changed, inverse) in pairs.iter().rev() {
        let factor = inverse * dot(moved, &direction);
        add_scaled(&mut direction, changed, -factor);
        factors.push(factor);
    }
    if let Some((_, changed, inverse)) = pairs.back() {
        let scale = 1.0 / (inverse * dot(changed, changed));
        direction.iter_mut().for_each(|value| *value *= scale);
    }
    for ((moved, changed, inverse), factor) in pairs.iter().zip(factors.iter().rev()) {
        let correction = factor - inverse * dot(changed, &direction);
        add_scaled(&mut direction, moved, correction);
    }
    direction
}

fn dot<T: Copy + Into<f64>, U: Copy + Into<f64>>(left: &[T], right: &[U]) -> f64 {
    left.iter().zip(right).map(|(&a, &b)| a.into() * b.into()).sum()
}

fn add_scaled<T: Copy + Into<f64>>(to: &mut [f64], from: &[T], scale: f64) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to += scale * from.into();
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rosenbrock_valley_is_followed_to_its_end() {
        let mut point = vec![-1.2, 1.0];
        let iterations = minimise(
            &mut point,
            Stop { iterations: 200, gradient: 1e-10, first_step: 1.0 },
            |p, gradient| {
                let (x, y) = (p[0], p[1]);
                gradient[0] = -400.0 * x * (y - x * x) - 2.0 * (1.0 - x);
                gradient[1] = 200.0 * (y - x * x);
                100.0 * (y - x * x).powi(2) + (1.0 - x).powi(2)
            },
        );
        assert!(iterations < 100, "{iterations}");
        assert!((point[0] - 1.0).abs() < 1e-6 && (point[1] - 1.0).abs() < 1e-6, "{point:?}");
    }
}
