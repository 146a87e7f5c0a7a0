//! The report of an evaluation: for people as text, for machines as JSON, for slides as SVG.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::metrics::{self, Coverage, LabelScore, ReliabilityBin, Scored};
use crate::paths::Paths;

/// A confident prediction that is wrong.
#[derive(Debug, Clone, Serialize)]
pub struct Mistake {
    /// Its template.
    pub template: String,
    /// The label that is right.
    pub truth: String,
    /// The label predicted.
    pub predicted: String,
    /// How sure the prediction was.
    pub confidence: f64,
}

/// A label that was predicted for another one.
#[derive(Debug, Clone, Serialize)]
pub struct Confused {
    /// The label that is right.
    pub truth: String,
    /// The label predicted.
    pub predicted: String,
    /// How often.
    pub count: usize,
}

/// Labels beyond which a matrix is neither drawn nor written: it would grow with their square.
const MOST_DRAWN: usize = 200;
/// Confusions that are listed instead.
const LARGEST: usize = 20;

/// Everything an evaluation found.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// Rows evaluated, or templates in a cross-validation.
    pub rows: usize,
    /// Share labelled right; an abstention counts as wrong.
    pub accuracy: f64,
    /// Mean F1 of the labels.
    pub macro_f1: f64,
    /// Mean F1, weighted by support.
    pub weighted_f1: f64,
    /// Share left `Unclassified`.
    pub unclassified: f64,
    /// Expected calibration error of the model's own choice, abstention aside.
    pub calibration_error: f64,
    /// Figures per label.
    pub labels: BTreeMap<String, LabelScore>,
    /// Names of the confusion matrix's rows and columns.
    pub confusion_labels: Vec<String>,
    /// `[truth][predicted]`; empty where there are too many labels for a matrix.
    pub confusion: Vec<Vec<usize>>,
    /// The confusions that occur most, where there are too many labels for a matrix.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub largest_confusions: Vec<Confused>,
    /// Accuracy of the model's own choice at several thresholds.
    pub coverage: Vec<Coverage>,
    /// Reliability curve of the model's own choice.
    pub reliability: Vec<ReliabilityBin>,
    /// The most confident mistakes.
    pub mistakes: Vec<Mistake>,
    /// The paths through the model, where it has two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<Paths>,
}

const THRESHOLDS: [f64; 7] = [0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95];

impl Evaluation {
    /// Works out the figures. `given` holds the labels as given, abstentions included; `chosen` the model's
    /// own choice for the same rows; `names` the labels.
    pub fn new(
        given: &[Scored],
        chosen: &[Scored],
        names: &[String],
        mistakes: Vec<Mistake>,
        unclassified: usize,
    ) -> Self {
        let confusion = metrics::confusion(given);
        let scores = metrics::label_scores(&confusion, names.len());
        let used: BTreeSet<usize> = confusion.keys().flat_map(|&(truth, label)| [truth, label]).collect();
        let (mut matrix, mut largest) = (Vec::new(), Vec::new());
        let drawn: Vec<usize> = if used.len() > MOST_DRAWN {
            let mut wrong: Vec<_> = confusion.iter().filter(|((truth, label), _)| truth != label).collect();
            wrong.sort_by_key(|&(pair, &count)| (std::cmp::Reverse(count), pair));
            largest.extend(wrong.into_iter().take(LARGEST).map(|(&(truth, label), &count)| Confused {
                truth: names[truth].clone(),
                predicted: names[label].clone(),
                count,
            }));
            Vec::new()
        } else {
            let count = |row, column| confusion.get(&(row, column)).copied().unwrap_or(0);
            let row = |&row: &usize| used.iter().map(|&column| count(row, column)).collect();
            matrix.extend(used.iter().map(row));
            used.iter().copied().collect()
        };
        #[allow(clippy::cast_precision_loss)]
        let share = unclassified as f64 / given.len().max(1) as f64;
        Self {
            rows: given.len(),
            accuracy: metrics::accuracy(given),
            macro_f1: metrics::macro_f1(&scores),
            weighted_f1: metrics::weighted_f1(&scores),
            unclassified: share,
            calibration_error: metrics::calibration_error(chosen),
            labels: used.iter().map(|&label| (names[label].clone(), scores[label])).collect(),
            confusion_labels: drawn.iter().map(|&label| names[label].clone()).collect(),
            confusion: matrix,
            largest_confusions: largest,
            coverage: metrics::coverage(chosen, &THRESHOLDS),
            reliability: metrics::reliability(chosen),
            mistakes,
            paths: None,
        }
    }

    /// The report as text.
    pub fn for_people(&self) -> String {
        let mut text = String::new();
        let width = self.labels.keys().map(|name| name.chars().count()).max().unwrap_or(5).max(12);
        let _ = writeln!(text, "{:width$}  precision  recall      F1  support", "");
        for (name, score) in &self.labels {
            let LabelScore { precision, recall, f1, support } = score;
            let _ = writeln!(text, "{name:width$}  {precision:9.4}  {recall:6.4}  {f1:6.4}  {support:7}");
        }
        let _ = writeln!(
            text,
            "\naccuracy {:.4}, macro F1 {:.4}, weighted F1 {:.4}",
            self.accuracy, self.macro_f1, self.weighted_f1
        );
        let _ = writeln!(
            text,
            "unclassified {:.2}%, calibration error {:.4}, {} evaluated",
            100.0 * self.unclassified,
            self.calibration_error,
            self.rows
        );
        let _ = writeln!(text, "\nconfidence  coverage  accuracy");
        for Coverage { threshold, coverage, accuracy } in &self.coverage {
            let _ = writeln!(text, "   >= {threshold:4.2}  {coverage:8.4}  {accuracy:8.4}");
        }
        if let Some(paths) = &self.paths {
            text.push_str(&paths.for_people());
        }
        self.write_confusion(&mut text);
        if !self.mistakes.is_empty() {
            let _ = writeln!(text, "\nmost confident mistakes (truth -> predicted)");
        }
        for Mistake { template, truth, predicted, confidence } in &self.mistakes {
            let shown: String = template.chars().take(90).collect();
            let _ = writeln!(text, "  {confidence:.3}  {truth} -> {predicted}: {shown}");
        }
        text
    }

    fn write_confusion(&self, text: &mut String) {
        const MOST: usize = 20;
        if !self.largest_confusions.is_empty() {
            let _ = writeln!(text, "\nlargest confusions (truth -> predicted)");
        }
        for Confused { truth, predicted, count } in &self.largest_confusions {
            let _ = writeln!(text, "  {count:7}  {truth} -> {predicted}");
        }
        if self.confusion.is_empty() {
            return;
        }
        if self.confusion.len() > MOST {
            let _ = writeln!(
                text,
                "\n{} labels: the confusion matrix is in --json and --plot",
                self.confusion.len()
            );
            return;
        }
        let _ = writeln!(text, "\nconfusion (rows: truth; columns: predicted)");
        let width = self.confusion_labels.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        for (index, (name, row)) in self.confusion_labels.iter().zip(&self.confusion).enumerate() {
            let _ = write!(text, "  {:>2} {name:width$}", index + 1);
            for count in row {
                let _ = if *count == 0 { write!(text, "     .") } else { write!(text, " {count:5}") };
            }
            text.push('\n');
        }
    }

    /// Confusion matrix, reliability curve and what the encoder adds, as one picture.
    pub fn to_svg(&self) -> String {
        let cell = 36.0;
        #[allow(clippy::cast_precision_loss)]
        let size = self.confusion.len() as f64 * cell;
        let (left, top) = (190.0, 60.0);
        let paths = self.paths.as_ref().filter(|paths| paths.lexical.rows > 0);
        let least = if paths.is_some() { 850.0 } else { 480.0 };
        let (width, height) = (left + size + 420.0, (top + size + 190.0).max(least));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n<text x=\"{left}\" y=\"30\" \
             font-size=\"16\">Confusion (row: truth, column: predicted)</text>\n"
        );
        for (row, counts) in self.confusion.iter().enumerate() {
            let total = counts.iter().sum::<usize>().max(1);
            #[allow(clippy::cast_precision_loss)]
            let y = top + row as f64 * cell;
            let name = escape(&self.confusion_labels[row]);
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>",
                left - 8.0,
                y + 23.0
            );
            #[allow(clippy::cast_precision_loss)]
            let x = left + row as f64 * cell + 22.0;
            let bottom = top + size + 12.0;
            let _ = writeln!(
                svg,
                "<text x=\"{x}\" y=\"{bottom}\" text-anchor=\"end\" transform=\"rotate(-60 {x} \
                 {bottom})\">{name}</text>"
            );
            for (column, &count) in counts.iter().enumerate() {
                #[allow(clippy::cast_precision_loss)]
                let (x, share) = (left + column as f64 * cell, count as f64 / total as f64);
                let colour = if row == column { "#2f6f4f" } else { "#b5382a" };
                let _ = writeln!(
                    svg,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{cell}\" height=\"{cell}\" fill=\"{colour}\" \
                     fill-opacity=\"{share:.3}\" stroke=\"#dddddd\"/>"
                );
                if count > 0 {
                    let ink = if share > 0.6 { "#ffffff" } else { "#222222" };
                    let _ = writeln!(
                        svg,
                        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"{ink}\">{count}</text>",
                        x + cell / 2.0,
                        y + 23.0
                    );
                }
            }
        }
        if self.confusion.is_empty() {
            let _ = writeln!(svg, "<text x=\"{left}\" y=\"{top}\">too many labels to draw</text>");
        }
        self.draw_reliability(&mut svg, left + size + 80.0, top);
        if let Some(paths) = paths {
            paths.draw(&mut svg, left + size + 80.0, top + 420.0, 300.0);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn draw_reliability(&self, svg: &mut String, left: f64, top: f64) {
        const SIDE: f64 = 300.0;
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"30\" font-size=\"16\">Reliability (calibration error {:.4})</text>\n\
             <rect x=\"{left}\" y=\"{top}\" width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" \
             stroke=\"#888888\"/>\n\
             <line x1=\"{left}\" y1=\"{}\" x2=\"{}\" y2=\"{top}\" stroke=\"#bbbbbb\" \
             stroke-dasharray=\"4\"/>",
            self.calibration_error,
            top + SIDE,
            left + SIDE
        );
        let most = self.reliability.iter().map(|bin| bin.count).max().unwrap_or(1).max(1);
        let mut points = String::new();
        for bin in self.reliability.iter().filter(|bin| bin.count > 0) {
            let (x, y) = (left + SIDE * bin.confidence, top + SIDE * (1.0 - bin.accuracy));
            #[allow(clippy::cast_precision_loss)]
            let radius = 2.5 + 6.0 * (bin.count as f64 / most as f64).sqrt();
            let _ = write!(points, "{x:.1},{y:.1} ");
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"#2a5db0\" \
                 fill-opacity=\"0.7\"/>"
            );
        }
        let _ = writeln!(svg, "<polyline points=\"{points}\" fill=\"none\" stroke=\"#2a5db0\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">confidence</text>\n<text x=\"{}\" y=\"{}\" \
             text-anchor=\"middle\" transform=\"rotate(-90 {} {})\">accuracy</text>",
            left + SIDE / 2.0,
            top + SIDE + 22.0,
            left - 14.0,
            top + SIDE / 2.0,
            left - 14.0,
            top + SIDE / 2.0
        );
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
