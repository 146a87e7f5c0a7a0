//! Rows of a CSV that comes in pieces.

use std::borrow::Cow;

use crate::input::csv;

/// Cuts pieces of any size into rows.
#[derive(Debug)]
pub struct Rows {
    delimiter: u8,
    carry: Vec<u8>,
}

impl Rows {
    /// Rows whose fields are separated by `delimiter`.
    pub fn new(delimiter: u8) -> Self {
        Self { delimiter, carry: Vec::new() }
    }

    /// Calls `take` with the fields, unquoted, of each row that `piece` completes.
    pub fn push(&mut self, piece: &[u8], mut take: impl FnMut(&[Cow<'_, [u8]>])) {
        if self.carry.is_empty() {
            let used = self.cut(piece, &mut take);
            self.carry.extend_from_slice(&piece[used..]);
        } else {
            let mut data = std::mem::take(&mut self.carry);
            data.extend_from_slice(piece);
            let used = self.cut(&data, &mut take);
            data.drain(..used);
            self.carry = data;
        }
    }

    /// Rows of `data` that are complete; returns where they end.
    fn cut(&self, data: &[u8], take: &mut impl FnMut(&[Cow<'_, [u8]>])) -> usize {
        let mut position = 0;
        let mut row = Vec::new();
        loop {
            while matches!(data.get(position), Some(b'\n' | b'\r')) {
                position += 1;
            }
            if position == data.len() {
                return position;
            }
            let Some((spans, record)) = csv::fields(data, position, self.delimiter, false) else {
                return position;
            };
            row.extend(spans.iter().map(|span| {
                csv::unquote(
                    &data[span.start as usize..span.end as usize],
                    data.get(span.start as usize) == Some(&b'"'),
                )
            }));
            take(&row);
            row.clear();
            position = record.next as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_the_same_however_they_are_cut() {
        let text = b"a,b\n\"x\n\"\"y\",2\r\n3,4\n";
        for size in 1..text.len() {
            let mut found = Vec::new();
            let mut rows = Rows::new(b',');
            for piece in text.chunks(size) {
                rows.push(piece, |row| found.push(row.iter().map(|cell| cell.to_vec()).collect::<Vec<_>>()));
            }
            assert_eq!(
                found,
                [
                    [b"a".to_vec(), b"b".to_vec()],
                    [b"x\n\"y".to_vec(), b"2".to_vec()],
                    [b"3".to_vec(), b"4".to_vec()]
                ]
            );
        }
    }
}
