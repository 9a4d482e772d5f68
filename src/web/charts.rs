//! Small pictures as inline SVG: the course of a topic. No scripts, no fonts, readable in both colour schemes.

use std::fmt::Write as _;

/// One bar: its name, its height, whether it stands out.
pub struct Bar {
    /// Shown when pointed at, with the count.
    pub name: String,
    /// The count.
    pub count: u64,
    /// Whether it stands out: a rise, the window of a digest.
    pub is_marked: bool,
}

/// Bars from left to right, the highest as high as the picture.
pub fn bars(bars: &[Bar], width: u32, height: u32) -> String {
    let highest = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    let step = f64::from(width) / bars.len().max(1) as f64;
    let mut svg = format!(
        "<svg class=\"bars\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         preserveAspectRatio=\"none\" aria-label=\"course, highest {highest}\">"
    );
    for (place, bar) in bars.iter().enumerate() {
        let tall = f64::from(height - 2) * bar.count as f64 / highest as f64;
        let tall = if bar.count > 0 { tall.max(2.0) } else { 1.0 };
        let class = match (bar.is_marked, bar.count) {
            (true, _) => "marked",
            (false, 0) => "none",
            (false, _) => "bar",
        };
        let (left, top) = (place as f64 * step + step * 0.1, f64::from(height) - tall);
        let (wide, name) = (step * 0.8, escape(&bar.name));
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" \
             height=\"{tall:.1}\"><title>{name}: {}</title></rect>",
            bar.count
        );
    }
    svg.push_str("</svg>");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_scaled_to_the_highest_and_named() {
        let bar = |name: &str, count| Bar {
            name: name.into(),
            count,
            is_marked: false,
        };
        let svg = bars(&[bar("a<b", 1), bar("c", 4)], 100, 42);
        assert!(svg.contains("height=\"10.0\"><title>a&lt;b: 1</title>"));
        assert!(svg.contains("height=\"40.0\"><title>c: 4</title>"));
    }

    #[test]
    fn no_bars_is_an_empty_picture() {
        assert!(bars(&[], 100, 40).ends_with("highest 1\"></svg>"));
    }
}
