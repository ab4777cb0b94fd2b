//! The plots of a report, as SVG.
//!
//! Drawn for a column of 460 pixels, so that texts can still be read where a telephone makes it narrower. Colours are names of
//! the page ([`Ink`]), which has a light and a dark value for each.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::statistics::Estimate;

const WIDTH: u32 = 460;
/// For names at the left of bars.
const NAMES: u32 = 190;
const ROW: u32 = 24;
const AXIS: u32 = 26;
/// The library writes a size of 15 as 12 pixels.
const FONT: (&str, f64) = ("sans-serif", 15.0);

/// A colour, by what it is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Ink {
    Text,
    Faint,
    /// Intervals, which lie over bars.
    Interval,
    /// What is judged.
    Own,
    /// Baselines.
    Other,
    /// A line among others, 0 to [`LINES`].
    Line(u8),
}

/// So many lines can be told apart by their colours; more begin again.
pub(crate) const LINES: u8 = 10;

impl Ink {
    fn all() -> impl Iterator<Item = Self> {
        [Self::Text, Self::Faint, Self::Interval, Self::Own, Self::Other].into_iter().chain((0..LINES).map(Self::Line))
    }

    /// The name of the page's variable.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Faint => "faint".to_owned(),
            Self::Interval => "interval".to_owned(),
            Self::Own => "own".to_owned(),
            Self::Other => "other".to_owned(),
            Self::Line(number) => format!("line-{}", number % LINES),
        }
    }

    /// Stands for the variable while the library draws, since it only knows numbers.
    fn mark(self) -> RGBColor {
        let number = match self {
            Self::Text => 0,
            Self::Faint => 1,
            Self::Interval => 2,
            Self::Own => 3,
            Self::Other => 4,
            Self::Line(number) => 5 + number % LINES,
        };
        RGBColor(250, 251, number)
    }
}

/// One bar.
pub(crate) struct Bar<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Estimate,
    /// What is written at its end.
    pub(crate) label: String,
    pub(crate) own: bool,
}

/// One line, from left to right.
pub(crate) struct Curve {
    pub(crate) points: Vec<(f64, Estimate)>,
    pub(crate) own: bool,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// Bars from 0 with their intervals.
pub(crate) fn bars(title: &str, bars: &[Bar]) -> String {
    let most = bars.iter().map(|bar| bar.value.high.max(bar.value.mean)).fold(0.0, f64::max);
    let range = 0.0..if most > 0.0 { most * 1.04 } else { 1.0 };
    svg(title, bars.len(), |area| {
        rows(area, bars, range, 52, |bar, y, left, place| {
            let ink = if bar.own { Ink::Own } else { Ink::Other };
            let fill = ink.mark().filled();
            left.draw(&Rectangle::new([(place(0.0), y - 8), (place(bar.value.mean), y + 8)], fill))?;
            interval(left, bar, y, place, Ink::Interval)
        })
    })
}

/// Points with their intervals on either side of 0.
pub(crate) fn differences(title: &str, bars: &[Bar]) -> String {
    let far = bars.iter().flat_map(|bar| [bar.value.low.abs(), bar.value.high.abs()]).fold(0.0, f64::max);
    let far = if far > 0.0 { far * 1.08 } else { 1.0 };
    svg(title, bars.len(), |area| {
        rows(area, bars, -far..far, 124, |bar, y, left, place| {
            let half = ROW as i32 / 2 + 1;
            let zero = [(place(0.0), y - half), (place(0.0), y + half)];
            left.draw(&PathElement::new(zero, Ink::Text.mark()))?;
            let ink = if bar.own { Ink::Own } else { Ink::Interval };
            interval(left, bar, y, place, ink)?;
            left.draw(&Circle::new((place(bar.value.mean), y), 4, ink.mark().filled()))?;
            Ok(())
        })
    })
}

/// Lines over a count, with the intervals of what is judged.
pub(crate) fn curves(title: &str, x_name: &str, curves: &[Curve]) -> String {
    /// As high as a dozen bars.
    const ROWS: usize = 12;
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let most = points().map(|(_, value)| value.high).fold(0.0, f64::max);
    let last = points().map(|(x, _)| *x).fold(1.0, f64::max);
    svg(title, ROWS, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .set_label_area_size(LabelAreaPosition::Left, 44)
            .set_label_area_size(LabelAreaPosition::Bottom, 38)
            .build_cartesian_2d(0.0..last * 1.02, 0.0..if most > 0.0 { most * 1.04 } else { 1.0 })?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(Ink::Faint.mark())
            .axis_style(Ink::Faint.mark())
            .label_style(FONT.into_text_style(area).color(&Ink::Text.mark()))
            .x_labels(11)
            .x_desc(x_name)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.2}"))
            .draw()?;
        for (number, curve) in curves.iter().enumerate() {
            let ink = Ink::Line(number as u8 % LINES).mark();
            let style = ink.stroke_width(if curve.own { 3 } else { 2 });
            let line: Vec<(f64, f64)> = curve.points.iter().map(|(x, value)| (*x, value.mean)).collect();
            for (x, value) in curve.points.iter().filter(|_| curve.own) {
                chart.draw_series([PathElement::new([(*x, value.low), (*x, value.high)], ink.stroke_width(1))])?;
            }
            chart.draw_series(line.iter().map(|point| Circle::new(*point, 3, ink.filled())))?;
            chart.draw_series([PathElement::new(line, style)])?;
        }
        Ok(())
    })
}

/// A row per bar: its name at the left, its label at the right, and between them what `draw` makes of it.
fn rows(
    area: &Area<'_>,
    bars: &[Bar],
    range: std::ops::Range<f64>,
    label_width: u32,
    draw: impl Fn(&Bar, i32, &Area<'_>, &dyn Fn(f64) -> i32) -> Drawn,
) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .margin_right(label_width)
        .margin_top(4)
        .set_label_area_size(LabelAreaPosition::Left, NAMES)
        .set_label_area_size(LabelAreaPosition::Bottom, AXIS)
        .build_cartesian_2d(range, 0.0..bars.len() as f64)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(TRANSPARENT)
        .bold_line_style(Ink::Faint.mark())
        .axis_style(Ink::Faint.mark())
        .label_style(FONT.into_text_style(area).color(&Ink::Text.mark()))
        .x_labels(5)
        .x_label_formatter(&short)
        .draw()?;
    let text = Ink::Text.mark();
    let style = FONT.into_text_style(area).color(&text);
    let (left, right) = (NAMES as i32 - 8, (WIDTH - label_width) as i32 + 6);
    for (number, bar) in bars.iter().enumerate() {
        let spot = |x: f64| chart.plotting_area().map_coordinate(&(x, (bars.len() - number) as f64 - 0.5));
        let y = spot(0.0).1;
        draw(bar, y, area, &|x| spot(x).0)?;
        let name = clipped(bar.name);
        area.draw(&Text::new(name, (left, y), style.pos(Pos::new(HPos::Right, VPos::Center))))?;
        area.draw(&Text::new(bar.label.as_str(), (right, y), style.pos(Pos::new(HPos::Left, VPos::Center))))?;
    }
    Ok(())
}

/// A line from the lower to the upper end, with an upright at each.
fn interval(area: &Area<'_>, bar: &Bar, y: i32, place: &dyn Fn(f64) -> i32, ink: Ink) -> Drawn {
    let (low, high) = (place(bar.value.low), place(bar.value.high));
    for line in [[(low, y), (high, y)], [(low, y - 3), (low, y + 3)], [(high, y - 3), (high, y + 3)]] {
        area.draw(&PathElement::new(line, ink.mark()))?;
    }
    Ok(())
}

/// A number of an axis, without zeros that say nothing; no `-0`.
fn short(value: &f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A name as far as there is room.
fn clipped(name: &str) -> String {
    const ROOM: usize = 25;
    if name.chars().count() <= ROOM { name.to_owned() } else { name.chars().take(ROOM - 1).chain(['…']).collect() }
}

/// A drawing with so many rows and an axis.
fn svg(title: &str, rows: usize, draw: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let height = rows as u32 * ROW + AXIS + 8;
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        // Writing to a string does not fail.
        draw(&area).and_then(|()| Ok(area.present()?)).expect("an SVG in memory can be drawn");
    }
    for ink in Ink::all() {
        let RGBColor(red, green, blue) = ink.mark();
        text = text.replace(&format!("#{red:02X}{green:02X}{blue:02X}"), &format!("var(--{})", ink.name()));
    }
    let body = text.split_once('>').map_or("", |(_, body)| body);
    let title = super::html::escaped(title);
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">{body}")
}
