//! How good each path through the model is: the lexical one, and the encoder with the full head.

use serde::Serialize;
use std::fmt::Write;

/// A row that reached the model, as both paths see it.
#[expect(clippy::struct_excessive_bools, reason = "what is known of a row, none of which excludes another")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// How certain the lexical path is: what it was trained on comes before all else.
    pub certainty: f32,
    /// Whether it settles the row.
    pub settled: bool,
    /// Whether its label is right.
    pub right: bool,
    /// Whether the full head's label is.
    pub full_right: bool,
    /// Whether both are the same.
    pub agrees: bool,
}

/// The rows of one path.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct PathScore {
    /// Rows that it settled.
    pub rows: usize,
    /// Share labelled right; an abstention counts as wrong.
    pub accuracy: f64,
}

/// A point of the curve: what would be if the lexical path settled only the most certain rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Share of the rows that go to the encoder.
    pub encoder_share: f64,
    /// Share of all rows labelled right.
    pub accuracy: f64,
}

/// The paths through the model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Paths {
    /// What the lexical path settled.
    pub lexical: PathScore,
    /// Accuracy of the full head on the same rows.
    pub full_accuracy_of_lexical: f64,
    /// Share of the lexical path's labels that are also the full head's.
    pub agreement: f64,
    /// What went to the encoder.
    pub encoder: PathScore,
    /// Both together.
    pub accuracy: f64,
    /// Accuracy if the encoder were asked about every row (`--thorough`).
    pub thorough_accuracy: f64,
    /// Accuracy by the share that goes to the encoder, from none to all.
    pub curve: Vec<CurvePoint>,
}

/// Points of the curve beside the first.
const POINTS: usize = 20;

impl Paths {
    /// Works out the figures of the rows that reached the model; nothing where there are none.
    pub fn new(mut seen: Vec<Seen>) -> Option<Self> {
        if seen.is_empty() {
            return None;
        }
        let all = seen.len();
        let count = |keep: &dyn Fn(&Seen) -> bool| seen.iter().filter(|row| keep(row)).count();
        let settled = count(&|row| row.settled);
        let right = count(&|row| row.settled && row.right);
        let right_by_encoder = count(&|row| !row.settled && row.full_right);
        let lexical = PathScore { rows: settled, accuracy: share(right, settled) };
        let encoder = PathScore { rows: all - settled, accuracy: share(right_by_encoder, all - settled) };
        let full_accuracy_of_lexical = share(count(&|row| row.settled && row.full_right), settled);
        let agreement = share(count(&|row| row.settled && row.agrees), settled);
        let thorough_accuracy = share(count(&|row| row.full_right), all);
        seen.sort_by(|a, b| b.certainty.total_cmp(&a.certainty));
        let curve = (0..=POINTS).map(|point| {
            let encoded = point * all / POINTS;
            let (first, rest) = seen.split_at(all - encoded);
            let right = first.iter().filter(|row| row.right).count();
            let right = right + rest.iter().filter(|row| row.full_right).count();
            CurvePoint { encoder_share: share(encoded, all), accuracy: share(right, all) }
        });
        let curve = curve.collect();
        Some(Self {
            lexical,
            full_accuracy_of_lexical,
            agreement,
            encoder,
            accuracy: share(right + right_by_encoder, all),
            thorough_accuracy,
            curve,
        })
    }

    /// The paths as lines of a report.
    pub fn for_people(&self) -> String {
        let all = self.lexical.rows + self.encoder.rows;
        let mut text = format!(
            "\npaths          rows   share  accuracy\n  lexical  {:8}  {:5.1}%  {:8.4}",
            self.lexical.rows,
            100.0 * share(self.lexical.rows, all),
            self.lexical.accuracy,
        );
        if self.lexical.rows > 0 {
            let _ = write!(
                text,
                "  (full head on the same rows: {:.4}, agreement {:.4})",
                self.full_accuracy_of_lexical, self.agreement
            );
        }
        let _ = writeln!(
            text,
            "\n  encoder  {:8}  {:5.1}%  {:8.4}\n  both     {all:8}          {:8.4}  (--thorough: {:.4})",
            self.encoder.rows,
            100.0 * share(self.encoder.rows, all),
            self.encoder.accuracy,
            self.accuracy,
            self.thorough_accuracy
        );
        text
    }

    /// Draws the curve into a square of this side, with accuracies from that of the worst point to 1.
    pub fn draw(&self, svg: &mut String, left: f64, top: f64, side: f64) {
        let lowest = self.curve.iter().map(|point| point.accuracy).fold(1.0, f64::min);
        let lowest = (lowest * 20.0).floor() / 20.0;
        let height = (1.0 - lowest).max(0.05);
        let place = |share: f64, accuracy: f64| {
            (left + side * share, top + side * (1.0 - (accuracy - lowest).max(0.0) / height))
        };
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"{}\" font-size=\"16\">Encoder share and accuracy</text>\n\
             <rect x=\"{left}\" y=\"{top}\" width=\"{side}\" height=\"{side}\" fill=\"none\" stroke=\"#888888\"/>",
            top - 30.0
        );
        let points: Vec<String> = self
            .curve
            .iter()
            .map(|point| {
                let (x, y) = place(point.encoder_share, point.accuracy);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let _ = writeln!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"#2a5db0\"/>", points.join(" "));
        let all = self.lexical.rows + self.encoder.rows;
        let (x, y) = place(share(self.encoder.rows, all), self.accuracy);
        let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"#b5382a\"/>");
        let middle = left + side / 2.0;
        let _ = writeln!(
            svg,
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">share of rows that the encoder is asked \
             about</text>\n<text x=\"{}\" y=\"{}\" text-anchor=\"end\">1.00</text>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{lowest:.2}</text>",
            top + side + 22.0,
            left - 6.0,
            top + 10.0,
            left - 6.0,
            top + side
        );
    }
}

#[allow(clippy::cast_precision_loss)]
fn share(part: usize, of: usize) -> f64 {
    part as f64 / of.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_paths_add_up_and_the_curve_ends_with_the_encoder_alone() {
        let row = |certainty, settled, right, full_right| Seen {
            certainty,
            settled,
            right,
            full_right,
            agrees: right == full_right,
        };
        let seen =
            vec![row(0.2, false, false, true), row(0.9, true, true, true), row(0.8, true, true, false)];
        let paths = Paths::new(seen).unwrap();
        assert_eq!((paths.lexical.rows, paths.encoder.rows), (2, 1));
        assert!((paths.agreement - 0.5).abs() < 1e-9);
        assert!((paths.accuracy - 1.0).abs() < 1e-9);
        assert!((paths.thorough_accuracy - 2.0 / 3.0).abs() < 1e-9);
        assert!((paths.curve[0].accuracy - 2.0 / 3.0).abs() < 1e-9);
        assert!((paths.curve[POINTS].accuracy - paths.thorough_accuracy).abs() < 1e-9);
        assert_eq!(Paths::new(Vec::new()), None);
    }
}
