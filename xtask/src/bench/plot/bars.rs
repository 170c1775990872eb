//! Bars whose lengths are logarithms, for values that lie far apart.

use super::axis::Axis;
use super::{Anchor, Drawing, WIDTH, colour, readable};

/// Horizontal bars over one axis.
#[derive(Debug)]
pub(in super::super) struct BarPlot {
    pub(in super::super) title: String,
    /// What the bars measure, with the unit.
    pub(in super::super) label: String,
    pub(in super::super) bars: Vec<Bar>,
}

/// One bar.
#[derive(Debug)]
pub(in super::super) struct Bar {
    pub(in super::super) name: String,
    /// Above zero.
    pub(in super::super) value: f64,
    /// Which of the colours it has: bars that belong together have the same.
    pub(in super::super) kind: usize,
}

impl BarPlot {
    /// Draws the plot as an SVG document.
    pub(in super::super) fn draw(&self) -> String {
        let rows = f64::from(u16::try_from(self.bars.len()).unwrap_or(u16::MAX));
        let bottom = TOP + rows * ROW;
        let mut drawing = Drawing::new(bottom + FOOT);
        let axis = Axis::over(self.bars.iter().map(|bar| bar.value), LEFT, RIGHT);
        drawing.text((24.0, 28.0), 16, Anchor::Start, &self.title);
        for value in axis.decades() {
            drawing.rule((axis.place(value), TOP - 6.0), (axis.place(value), bottom));
            let at = (axis.place(value), bottom + 18.0);
            drawing.text(at, 12, Anchor::Middle, &readable(value));
        }
        drawing.text((f64::midpoint(LEFT, RIGHT), bottom + 40.0), 13, Anchor::Middle, &self.label);
        let mut top = TOP;
        for bar in &self.bars {
            let length = (axis.place(bar.value) - LEFT).max(1.0);
            drawing.text((LEFT - 10.0, top + 17.0), 13, Anchor::End, &bar.name);
            drawing.line(&format!(
                r#"<rect x="{LEFT:.1}" y="{top:.1}" width="{length:.1}" height="{BAR}" rx="3" fill="{}"/>"#,
                colour(bar.kind)
            ));
            let at = (LEFT + length + 8.0, top + 17.0);
            drawing.text(at, 13, Anchor::Start, &readable(bar.value));
            top += ROW;
        }
        drawing.finish(&self.title, &self.words())
    }

    fn words(&self) -> String {
        let told = self.bars.iter().map(|bar| format!("{}: {}", bar.name, readable(bar.value)));
        let told: Vec<String> = told.collect();
        format!("{}. {}.", self.label, told.join(", "))
    }
}

const LEFT: f64 = 250.0;
const RIGHT: f64 = WIDTH - 90.0;
const TOP: f64 = 52.0;
const ROW: f64 = 34.0;
const BAR: f64 = 24.0;
const FOOT: f64 = 54.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_logarithms() {
        let bar = |name: &str, value| Bar { name: name.to_owned(), value, kind: 0 };
        let plot = BarPlot {
            title: "Time".to_owned(),
            label: "ns".to_owned(),
            bars: vec![bar("a", 100.0), bar("b & c", 10_000.0), bar("d", 1.0)],
        };
        let svg = plot.draw();
        assert!(svg.contains("width=\"210.0\"") && svg.contains("width=\"420.0\""), "{svg}");
        assert!(svg.contains("ns. a: 100, b &amp; c: 10,000, d: 1."), "{svg}");
    }
}
