//! Charts as SVG: bars side by side, for one thread and for two.

use std::path::Path;

use anyhow::{Context, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub struct Bars {
    pub name: &'static str,
    pub one: Option<f64>,
    pub two: Option<f64>,
}

const WIDTH: u32 = 760;
const ROW: u32 = 34;
/// For title and legend.
const HEAD: u32 = 66;
const ONE: RGBColor = RGBColor(40, 92, 140);
const TWO: RGBColor = RGBColor(226, 140, 52);
const TEXT: (&str, u32) = ("sans-serif", 14);

/// Time to the right; the shorter the better.
pub fn draw(path: &Path, title: &str, bars: &[Bars]) -> Result<()> {
    draw_all(path, title, bars).with_context(|| format!("cannot draw {}", path.display()))
}

fn draw_all(path: &Path, title: &str, bars: &[Bars]) -> Result<()> {
    let root = SVGBackend::new(path, (WIDTH, HEAD + 40 + ROW * bars.len() as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let most = bars.iter().flat_map(|bars| [bars.one, bars.two]).flatten().fold(1.0, f64::max);
    root.draw(&Text::new(format!("{title} (shorter is better)"), (12, 12), ("sans-serif", 18)))?;
    legend(&root, bars.iter().any(|bars| bars.two.is_some()))?;
    // From the top to the bottom.
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .margin_top(HEAD)
        .margin_right(72)
        .x_label_area_size(28)
        .y_label_area_size(124)
        .build_cartesian_2d(0.0..most * 1.02, bars.len() as f64..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|ns| short(*ns))
        .label_style(TEXT)
        .draw()?;
    let right = Pos::new(HPos::Right, VPos::Center);
    let left = Pos::new(HPos::Left, VPos::Center);
    for (row, bars) in bars.iter().enumerate() {
        let top = row as f64;
        let name = Text::new(format!("{}  ", bars.name), (0.0, top + 0.5), TEXT.into_text_style(&root).pos(right));
        chart.plotting_area().draw(&name)?;
        for (value, color, offset) in [(bars.one, ONE, 0.12), (bars.two, TWO, 0.5)] {
            let Some(value) = value else { continue };
            let from = top + offset;
            chart.plotting_area().draw(&Rectangle::new([(0.0, from), (value, from + 0.36)], color.filled()))?;
            let label =
                Text::new(format!(" {}", short(value)), (value, from + 0.18), TEXT.into_text_style(&root).pos(left));
            chart.plotting_area().draw(&label)?;
        }
    }
    root.present()?;
    Ok(())
}

/// Below the title, unless there is one kind of bars.
fn legend(root: &DrawingArea<SVGBackend, plotters::coord::Shift>, two: bool) -> Result<()> {
    if !two {
        return Ok(());
    }
    for (place, color, text) in [(0, ONE, "1 thread"), (1, TWO, "2 threads")] {
        let (x, y) = (12 + place * 90, 40);
        root.draw(&Rectangle::new([(x, y), (x + 12, y + 12)], color.filled()))?;
        root.draw(&Text::new(text, (x + 17, y), TEXT))?;
    }
    Ok(())
}

fn short(ns: f64) -> String {
    match ns {
        ns if ns >= 1e6 => format!("{:.1} ms", ns / 1e6),
        ns if ns >= 1e4 => format!("{:.0} µs", ns / 1e3),
        ns if ns >= 100.0 => format!("{ns:.0} ns"),
        0.0 => "0".to_owned(),
        ns => format!("{ns:.1} ns"),
    }
}
