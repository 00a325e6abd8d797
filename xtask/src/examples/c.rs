//! The firmware in C. The comment at the top of main.c says how it is built and run, and that is what is done.

use std::fs;

use anyhow::{Context, Result, bail};

use super::Firmware;
use crate::cmd::{Cmd, root};
use crate::setup;

/// Builds it, and returns the command that runs it: the last one.
pub fn build(Firmware { folder, .. }: &Firmware) -> Result<Cmd> {
    setup::arm_gcc()?;
    let source = fs::read_to_string(root().join(folder).join("main.c")).context("cannot read main.c")?;
    let mut commands = commands(&source);
    let Some(run) = commands.pop() else { bail!("{folder}/main.c does not say how it is built and run") };
    for command in commands {
        Cmd::new(&command).dir(folder).run()?;
    }
    Ok(Cmd::new(&run).dir(folder))
}

/// The commands in a comment at the top: each begins after a `$`, and goes on in the next line after a backslash.
fn commands(source: &str) -> Vec<String> {
    let comment: Vec<_> = source.lines().skip(1).take_while(|line| *line != " */").collect();
    let joined = comment.join("\n").replace("\\\n *     ", "");
    joined.lines().filter_map(|line| line.strip_prefix(" * $ ")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_the_comment_at_the_top() {
        let source = "/* About it.\n * More.\n *\n * $ make it \\\n *     -fast\n * $ run it\n */\n * $ no comment\n";
        assert_eq!(commands(source), ["make it -fast", "run it"]);
    }
}
