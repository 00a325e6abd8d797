//! Charts as SVG: for each name some bars, one below the other.

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub struct Bars {
    pub name: String,
    /// One for each of the series, if there is one.
    pub values: Vec<Option<f64>>,
}

/// Values to the right; the shorter the better.
pub struct Chart<'a> {
    pub title: &'a str,
    /// A series without values does not show.
    pub series: &'a [&'a str],
    pub bars: Vec<Bars>,
    /// How a value is written.
    pub shown: fn(f64) -> String,
}

const WIDTH: u32 = 760;
/// Heights.
const TITLE: u32 = 40;
const LEGEND: u32 = 26;
/// Of a bar, and between a name's bars and the next one's.
const BAR: u32 = 14;
const GAP: u32 = 8;
/// Between a bar and the text next to it.
const BESIDE: i32 = 5;
/// Most of the font's letters are narrower.
const LETTER: u32 = 8;
const COLORS: [RGBColor; 3] = [RGBColor(40, 92, 140), RGBColor(226, 140, 52), RGBColor(122, 168, 116)];
const TEXT: (&str, u32) = ("sans-serif", 14);

impl Chart<'_> {
    /// The same text each time, for the same values.
    pub fn draw(&self) -> Result<String> {
        let mut text = String::new();
        self.draw_to(&mut text).with_context(|| format!("cannot draw {}", self.title))?;
        // Of a file that is committed the last line ends.
        Ok(text.trim_end().to_owned() + "\n")
    }

    fn draw_to(&self, text: &mut String) -> Result<()> {
        let has_values = |&series: &usize| self.bars.iter().any(|bars| bars.values[series].is_some());
        let series: Vec<_> = (0..self.series.len()).filter(has_values).collect();
        let row = GAP + BAR * series.len() as u32;
        let head = if series.len() > 1 { TITLE + LEGEND } else { TITLE };
        let height = head + 40 + row * self.bars.len() as u32;
        let root = SVGBackend::with_string(text, (WIDTH, height)).into_drawing_area();
        root.fill(&WHITE)?;
        root.draw(&Text::new(format!("{} (shorter is better)", self.title), (12, 12), ("sans-serif", 18)))?;
        if series.len() > 1 {
            self.legend(&root, &series)?;
        }
        let names = self.bars.iter().map(|bars| bars.name.chars().count() as u32).max().unwrap_or(0);
        let most = self.bars.iter().flat_map(|bars| &bars.values).flatten().copied().fold(1.0, f64::max);
        // From the top to the bottom.
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            .margin_top(head)
            .margin_right(72)
            .x_label_area_size(28)
            .y_label_area_size(names * LETTER + 12)
            .build_cartesian_2d(0.0..most * 1.02, self.bars.len() as f64..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .light_line_style(TRANSPARENT)
            .x_label_formatter(&|value| (self.shown)(*value))
            .label_style(TEXT)
            .draw()?;
        let style = |side| TEXT.into_text_style(&root).pos(Pos::new(side, VPos::Center));
        let (thick, gap) = (f64::from(BAR) / f64::from(row), f64::from(GAP) / f64::from(row));
        let area = chart.plotting_area();
        for (place, bars) in self.bars.iter().enumerate() {
            let top = place as f64;
            let name = Text::new(bars.name.clone(), (-BESIDE, 0), style(HPos::Right));
            area.draw(&(EmptyElement::at((0.0, top + 0.5)) + name))?;
            for (place, &series) in series.iter().enumerate() {
                let Some(value) = bars.values[series] else { continue };
                let from = top + gap / 2.0 + thick * place as f64;
                area.draw(&Rectangle::new([(0.0, from), (value, from + thick)], COLORS[series].filled()))?;
                let label = Text::new((self.shown)(value), (BESIDE, 0), style(HPos::Left));
                area.draw(&(EmptyElement::at((value, from + thick / 2.0)) + label))?;
            }
        }
        root.present()?;
        Ok(())
    }

    /// Below the title.
    fn legend(&self, root: &DrawingArea<SVGBackend, Shift>, series: &[usize]) -> Result<()> {
        let mut x = 12;
        for &series in series {
            let (text, y) = (self.series[series], 40);
            root.draw(&Rectangle::new([(x, y), (x + 12, y + 12)], COLORS[series].filled()))?;
            root.draw(&Text::new(text, (x + 17, y), TEXT))?;
            x += 40 + (LETTER * text.len() as u32) as i32;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_without_values_does_not_show() {
        let draw = |second| {
            let bars = vec![Bars { name: "map".to_owned(), values: vec![Some(12.5), second] }];
            let shown = |value: f64| format!("{value:.1} ns");
            Chart { title: "Hits", series: &["one", "two"], bars, shown }.draw().unwrap()
        };
        let (both, one) = (draw(Some(99.0)), draw(None));
        assert!(["Hits (shorter is better)", "two", "12.5 ns", "99.0 ns"].iter().all(|text| both.contains(text)));
        assert!(one.contains("12.5 ns") && !one.contains("two"), "{one}");
    }
}
