//! Buffers that begin on a cache line, so that no vector of 64 bytes straddles two.

/// Bytes in a cache line, and in the longest vector.
const LINE: usize = 64;

/// A buffer of `f32` or `u32` whose first value is at a multiple of 64 bytes.
#[derive(Debug, Default)]
pub(super) struct Aligned<T> {
    values: Vec<T>,
    start: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// `length` zeros.
    pub(super) fn zeros(length: usize) -> Self {
        let slack = LINE / size_of::<T>();
        let values = vec![T::default(); length + slack];
        // Only the position of the values moves with `align_offset`: a wrong answer would cost speed, not correctness.
        let start = values.as_ptr().align_offset(LINE).min(slack);
        Self { values, start }
    }

    pub(super) fn as_slice(&self) -> &[T] {
        &self.values[self.start..]
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.values[self.start..]
    }

    /// The first `length` values, whatever they were left at; allocates only if there have never been as many.
    pub(super) fn take(&mut self, length: usize) -> &mut [T] {
        if self.values.len() < self.start + length {
            *self = Self::zeros(length);
        }
        &mut self.values[self.start..self.start + length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_on_a_line_and_grows() {
        let mut buffer = Aligned::<f32>::default();
        for length in [1, 7, 64, 1000, 3] {
            let values = buffer.take(length);
            assert_eq!(values.len(), length);
            assert_eq!(values.as_ptr().addr() % LINE, 0);
        }
    }
}
