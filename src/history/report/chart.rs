//! Charts as inline SVG. Colours are classes, so that the page's style sheet decides them for light, dark and paper.

use std::fmt::Write;

use super::super::diff::BY_GRAVITY;
use super::escape::html;
use super::figures::Band;
use super::timeline::Timeline;
use super::words::{minute, span, stated};
use crate::console::{counted, grouped};

const WIDTH: usize = 900;
const HEIGHT: usize = 220;
/// Room for the numbers at the left and the times below.
const LEFT: usize = 56;
const BELOW: usize = 24;
const ABOVE: usize = 10;

/// The class that gives a label its colour.
pub fn class_of(label: &str) -> String {
    const SEVERITIES: [(&str, usize); 7] =
        [("fatal", 0), ("error", 2), ("warn", 4), ("info", 8), ("debug", 6), ("trace", 9), ("", 10)];
    let known = BY_GRAVITY.iter().position(|known| *known == label);
    let place = known.or_else(|| SEVERITIES.iter().find(|(name, _)| *name == label).map(|&(_, place)| place));
    // A label of one's own gets one of the further colours, always the same.
    let own = || 11 + label.bytes().fold(0_usize, |sum, byte| (sum * 31 + usize::from(byte)) % 1_009) % 5;
    format!("c{}", place.unwrap_or_else(own))
}

/// The smallest number of one digit and zeroes, or 15, 25 and zeroes, that is not below.
fn rounded_up(value: u64) -> u64 {
    let mut step = 1_u64;
    loop {
        for tenths in [10, 15, 20, 25, 30, 40, 50, 60, 80] {
            let candidate = step.saturating_mul(tenths) / 10;
            // The middle is written, too.
            if candidate >= value && (candidate.is_multiple_of(2) || candidate < 2) {
                return candidate;
            }
        }
        match step.checked_mul(10) {
            Some(next) => step = next,
            None => return u64::MAX,
        }
    }
}

#[allow(clippy::cast_precision_loss)] // coordinates
fn scaled(value: u64, top: u64, height: f64) -> f64 {
    value as f64 / top.max(1) as f64 * height
}

/// Rows of each band over time, stacked.
pub fn stacked(id: &str, title: &str, bands: &[Band], timeline: &Timeline) -> String {
    let totals: Vec<u64> =
        (0..timeline.intervals).map(|place| bands.iter().map(|band| band.counts[place]).sum()).collect();
    let most = totals.iter().copied().max().unwrap_or(0);
    let top = rounded_up(most);
    #[allow(clippy::cast_precision_loss)] // coordinates
    let (plot_width, plot_height) = ((WIDTH - LEFT) as f64, (HEIGHT - BELOW - ABOVE) as f64);
    #[allow(clippy::cast_precision_loss)] // a few dozen
    let step = plot_width / timeline.intervals as f64;
    let base = f64::from(u16::try_from(HEIGHT - BELOW).unwrap_or(0));
    let left = f64::from(u16::try_from(LEFT).unwrap_or(0));
    let peak = totals.iter().position(|&total| total == most).unwrap_or(0);
    let mut svg = format!(
        "<div class=\"plot\" role=\"region\" tabindex=\"0\" aria-label=\"{}\"><svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
         <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{} of {} each; the most, {}, from {} UTC on. \
         The table below has the totals.</desc>\n",
        html(title),
        html(title),
        counted(timeline.intervals as u64, "interval"),
        span(timeline.width()),
        counted(most, "row"),
        minute(start_of(timeline, peak))
    );
    for (part, label) in [(0, 0), (1, top / 2), (2, top)] {
        if part == 1 && top < 2 {
            continue;
        }
        let y = base - scaled(label, top, plot_height);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"axis\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6,
            y + 4.0,
            compact(label)
        );
    }
    let mut heights = vec![0_u64; timeline.intervals];
    // The gravest on top, where the eye looks for it, so they are drawn last.
    for band in bands.iter().rev() {
        let mut path = String::new();
        for (place, &count) in band.counts.iter().enumerate() {
            if count == 0 {
                continue;
            }
            #[allow(clippy::cast_precision_loss)] // a few dozen
            let x = left + step * place as f64 + step * 0.08;
            let y = base - scaled(heights[place], top, plot_height);
            // What is there is seen, however few.
            let height = scaled(count, top, plot_height).max(1.0);
            let _ = write!(path, "M{x:.1} {y:.1}v-{height:.1}h{:.1}v{height:.1}z", step * 0.84);
            heights[place] += count;
        }
        let _ = writeln!(
            svg,
            "<path class=\"{}\" d=\"{path}\"><title>{}</title></path>",
            class_of(&band.name),
            html(stated(&band.name))
        );
    }
    for place in ticks(timeline.intervals, plot_width) {
        #[allow(clippy::cast_precision_loss)] // a few dozen
        let x = left + step * place as f64;
        let _ = writeln!(
            svg,
            "<text class=\"axis\" x=\"{x:.1}\" y=\"{}\">{}</text>",
            HEIGHT - 6,
            minute(start_of(timeline, place))
        );
    }
    svg.push_str("</svg></div>\n");
    svg
}

fn start_of(timeline: &Timeline, place: usize) -> i64 {
    let place = i64::try_from(place).unwrap_or(0);
    timeline.start.saturating_add(place.saturating_mul(timeline.width()))
}

/// Room that a time takes.
const TICK: f64 = 115.0;

/// Intervals that have their time written below: as many as have room beside each other.
#[allow(clippy::cast_precision_loss)] // coordinates
fn ticks(intervals: usize, width: f64) -> Vec<usize> {
    let step = intervals.div_ceil(5).max(1);
    let fits = |place: &usize| width * (intervals - place) as f64 / intervals as f64 >= TICK;
    (0..intervals).step_by(step).filter(fits).collect()
}

/// `1.5k`, `20M`.
fn compact(value: u64) -> String {
    #[allow(clippy::cast_precision_loss)] // a label of an axis
    let in_units = |unit: f64, letter: &str| {
        let text = format!("{:.1}", value as f64 / unit);
        format!("{}{letter}", text.strip_suffix(".0").unwrap_or(&text))
    };
    match value {
        1_000_000_000.. => in_units(1e9, "G"),
        1_000_000.. => in_units(1e6, "M"),
        10_000.. => in_units(1e3, "k"),
        _ => grouped(value),
    }
}

/// A small chart of a template's rows over time.
pub fn sparkline(counts: &[u64], class: &str) -> String {
    const HEIGHT: f64 = 22.0;
    let most = counts.iter().copied().max().unwrap_or(0);
    let busy = counts.iter().filter(|&&count| count > 0).count();
    let mut path = String::new();
    for (place, &count) in counts.iter().enumerate() {
        if count > 0 {
            let height = scaled(count, most, HEIGHT).max(2.0);
            let _ = write!(path, "M{} {HEIGHT}v-{height:.1}h2v{height:.1}z", place * 2);
        }
    }
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 {} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"in {busy} of {} intervals, at most {} in one\"><path class=\"{class}\" d=\"{path}\"/></svg>",
        counts.len() * 2,
        counts.len(),
        counted(most, "row")
    )
}

/// A bar of parts of a whole.
pub fn parts(counts: &[u64], labels: &[Band], whole: u64) -> String {
    let mut bar = String::from(
        "<svg class=\"parts\" viewBox=\"0 0 200 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
    );
    let mut x = 0.0;
    for (&count, label) in counts.iter().zip(labels) {
        let width = scaled(count, whole, 200.0);
        if count > 0 {
            let _ = write!(
                bar,
                "<rect class=\"{}\" x=\"{x:.1}\" width=\"{width:.1}\" height=\"10\"/>",
                class_of(&label.name)
            );
        }
        x += width;
    }
    bar.push_str("</svg>");
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([0, 1, 3, 10, 11, 499, 2_550].map(rounded_up), [1, 1, 4, 10, 20, 500, 3_000]);
        assert_eq!(rounded_up(u64::MAX), u64::MAX);
        assert_eq!([0, 9_999, 15_000, 2_000_000].map(compact), ["0", "9,999", "15k", "2M"]);
    }

    #[test]
    fn times_below_a_chart_do_not_overlap() {
        for intervals in 1..=72 {
            let ticks = ticks(intervals, 844.0);
            let at = |place: usize| {
                844.0 * f64::from(u32::try_from(place).unwrap())
                    / f64::from(u32::try_from(intervals).unwrap())
            };
            assert!(!ticks.is_empty() && ticks.iter().all(|&place| at(place) + TICK <= 844.0), "{intervals}");
            assert!(ticks.windows(2).all(|pair| at(pair[1]) - at(pair[0]) >= TICK), "{intervals}: {ticks:?}");
        }
    }

    #[test]
    fn a_label_always_has_the_same_colour() {
        assert_eq!(class_of("Critical Error"), "c0");
        assert_eq!(class_of("My own"), class_of("My own"));
    }
}
