//! The section on firmware, of benches/mcu.json.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::markdown;
use crate::cmd::root;

const FILE: &str = "benches/mcu.json";

/// A table of the file's figures, if it's there.
pub fn section() -> Result<Option<String>> {
    let path = root().join(FILE);
    if !path.exists() {
        println!("without what was measured on firmware: there is no {FILE}");
        return Ok(None);
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {FILE}"))?;
    let file: Value = serde_json::from_str(&text).with_context(|| format!("{FILE} is no JSON"))?;
    let figures = file["figures"].as_array().with_context(|| format!("{FILE} has no figures"))?;
    let figures: Vec<_> = figures.iter().filter_map(Value::as_object).collect();
    Ok(Some(format!("## On microcontrollers\n\n{}", table(&figures))))
}

/// A row a figure, a column for each of its members.
fn table(figures: &[&Map<String, Value>]) -> String {
    let header: Vec<_> = figures.first().map_or(Vec::new(), |figure| figure.keys().cloned().collect());
    if header.is_empty() {
        return String::new();
    }
    let cell = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let row =
        |figure: &&Map<String, Value>| header.iter().map(|key| figure.get(key).map_or("-".into(), cell)).collect();
    markdown(&header, &figures.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_figure_lacks_is_a_dash() {
        let file: Value = serde_json::from_str(r#"[{"board": "virt", "ticks": 12}, {"board": "rp2350"}]"#).unwrap();
        let figures: Vec<_> = file.as_array().unwrap().iter().filter_map(Value::as_object).collect();
        assert!(table(&figures).ends_with("| virt | 12 |\n| rp2350 | - |\n"));
        assert_eq!(table(&[]), "");
    }
}
