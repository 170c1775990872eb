//! Curves over a logarithmic grid: a constant is level, what is proportional rises by a decade a decade.

use super::axis::Axis;
use super::{Anchor, Drawing, WIDTH, colour, readable};

/// Curves that share their axes.
#[derive(Debug)]
pub(in super::super) struct LinePlot {
    pub(in super::super) title: String,
    /// What is on the axes, with units.
    pub(in super::super) x_label: String,
    pub(in super::super) y_label: String,
    pub(in super::super) series: Vec<Series>,
}

/// One curve.
#[derive(Debug)]
pub(in super::super) struct Series {
    pub(in super::super) name: String,
    /// All above zero, from left to right.
    pub(in super::super) points: Vec<(f64, f64)>,
}

impl LinePlot {
    /// Draws the plot as an SVG document.
    pub(in super::super) fn draw(&self) -> String {
        let legend = f64::from(u16::try_from(self.series.len()).unwrap_or(u16::MAX)) * LINE;
        let bottom = TOP + legend + GRID;
        let mut drawing = Drawing::new(bottom + FOOT);
        let points = || self.series.iter().flat_map(|series| series.points.iter().copied());
        let x = Axis::over(points().map(|it| it.0), LEFT, RIGHT);
        let y = Axis::over(points().map(|it| it.1), bottom, TOP + legend);
        drawing.text((LEFT, 26.0), 16, Anchor::Start, &self.title);
        for value in y.decades() {
            drawing.rule((LEFT, y.place(value)), (RIGHT, y.place(value)));
            let at = (LEFT - 8.0, y.place(value) + 4.0);
            drawing.text(at, 12, Anchor::End, &readable(value));
        }
        for value in x.decades() {
            drawing.rule((x.place(value), TOP + legend), (x.place(value), bottom));
            let at = (x.place(value), bottom + 18.0);
            drawing.text(at, 12, Anchor::Middle, &readable(value));
        }
        drawing.text(
            (f64::midpoint(LEFT, RIGHT), bottom + 40.0),
            13,
            Anchor::Middle,
            &self.x_label,
        );
        let upright = (20.0, TOP + legend + GRID / 2.0);
        let turn = format!(r#"<g transform="rotate(-90 {} {})">"#, upright.0, upright.1);
        drawing.line(&turn);
        drawing.text(upright, 13, Anchor::Middle, &self.y_label);
        drawing.line("</g>");
        let mut height = TOP;
        for (index, series) in self.series.iter().enumerate() {
            draw_series(&mut drawing, series, index, x, y);
            let key = format!(
                r#"<rect x="{LEFT}" y="{:.1}" width="14" height="4" fill="{}"/>"#,
                height - 10.0,
                colour(index)
            );
            drawing.line(&key);
            drawing.text((LEFT + 22.0, height - 4.0), 13, Anchor::Start, &series.name);
            height += LINE;
        }
        drawing.finish(&self.title, &self.words())
    }

    fn words(&self) -> String {
        let told = self.series.iter().map(|series| {
            let points = series.points.iter();
            let points: Vec<String> =
                points.map(|(x, y)| format!("{} at {}", readable(*y), readable(*x))).collect();
            format!("{}: {}", series.name, points.join(", "))
        });
        let told: Vec<String> = told.collect();
        format!("{} over {}. {}.", self.y_label, self.x_label, told.join(". "))
    }
}

fn draw_series(drawing: &mut Drawing, series: &Series, index: usize, x: Axis, y: Axis) {
    let places = || series.points.iter().map(|(at, value)| (x.place(*at), y.place(*value)));
    let path: Vec<String> = places().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let (path, colour) = (path.join(" "), colour(index));
    drawing.line(&format!(
        r#"<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>"#
    ));
    for (x, y) in places() {
        drawing.line(&format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{colour}"/>"#));
    }
}

const LEFT: f64 = 110.0;
const RIGHT: f64 = WIDTH - 40.0;
const TOP: f64 = 54.0;
const LINE: f64 = 20.0;
const GRID: f64 = 300.0;
const FOOT: f64 = 56.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_level_and_what_grows_rises() {
        let series = |name: &str, points: [(f64, f64); 2]| Series {
            name: name.to_owned(),
            points: points.to_vec(),
        };
        let plot = LinePlot {
            title: "Cost".to_owned(),
            x_label: "rules".to_owned(),
            y_label: "ns".to_owned(),
            series: vec![
                series("same", [(1.0, 10.0), (100.0, 10.0)]),
                series("more", [(1.0, 10.0), (100.0, 1000.0)]),
            ],
        };
        let svg = plot.draw();
        assert!(svg.contains("points=\"110.0,394.0 720.0,394.0\""), "{svg}");
        assert!(svg.contains("points=\"110.0,394.0 720.0,94.0\""), "{svg}");
        assert!(svg.contains("ns over rules. same: 10 at 1, 10 at 100."), "{svg}");
    }
}
