//! `cargo xtask unsafe`: docs/unsafe.md, a table of all that is `unsafe` in the crate, with what each rests on.

use std::{fmt, fs, mem};

use anyhow::{Context, Result, bail};
use proc_macro2::{Group, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprLit, Lit, Meta, Safety, Signature};

use crate::cmd::{self, root};

const TABLE: &str = "docs/unsafe.md";

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Block,
    Fn,
    Impl,
    Trait,
}

/// Something `unsafe`.
struct Site {
    line: usize,
    /// The item that it is in, or is.
    item: String,
    kind: Kind,
    invariant: Option<String>,
}

struct Source {
    /// From the repository's root.
    path: String,
    sites: Vec<Site>,
}

/// Writes the table, and fails where something rests on nothing.
pub fn run() -> Result<()> {
    let sources = sources()?;
    fs::write(root().join(TABLE), table(&sources)).with_context(|| format!("cannot write {TABLE}"))?;
    println!("{TABLE}: {}", counts(&sources));
    let missing = missing(&sources);
    if !missing.is_empty() {
        bail!("there is no `// SAFETY:` comment, or no section `# Safety`, at: {}", missing.join(" "));
    }
    Ok(())
}

fn sources() -> Result<Vec<Source>> {
    let read = |(path, text): (String, String)| {
        Ok(Source { sites: sites(&text).with_context(|| format!("cannot understand {path}"))?, path })
    };
    let sources: Result<Vec<_>> = cmd::files("src")?.into_iter().map(read).collect();
    Ok(sources?.into_iter().filter(|source| !source.sites.is_empty()).collect())
}

/// All that is unsafe in a file.
fn sites(text: &str) -> Result<Vec<Site>> {
    let tokens = text.parse().map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut finder = Finder { lines: text.lines().collect(), path: Vec::new(), anchor: 0, of: None, sites: Vec::new() };
    finder.visit_file(&syn::parse2(TokenStream::clone(&tokens))?);
    // The one check that nothing is in a place that is not looked at, as the arguments of a macro.
    let (written, found) = (count(tokens), finder.sites.len());
    if written != found {
        bail!("it says `unsafe` {written} times, of which {found} are where they are looked for");
    }
    finder.sites.sort_by_key(|site| site.line);
    Ok(finder.sites)
}

/// How often it says `unsafe`.
fn count(tokens: TokenStream) -> usize {
    let each = |token| match token {
        TokenTree::Group(group) => count(group.stream()),
        token => usize::from(token.to_string() == "unsafe"),
    };
    tokens.into_iter().map(each).sum()
}

struct Finder<'a> {
    lines: Vec<&'a str>,
    /// The items around.
    path: Vec<String>,
    /// Where the innermost statement, or arm of a `match`, begins: the comment may be above that.
    anchor: usize,
    /// The trait that is implemented around.
    of: Option<String>,
    sites: Vec<Site>,
}

impl Finder<'_> {
    /// `span` is the token `unsafe`.
    fn found(&mut self, span: impl Spanned, item: String, kind: Kind, invariant: Option<String>) {
        self.sites.push(Site { line: line(&span), item, kind, invariant });
    }

    fn within(&mut self, name: String, visit: impl FnOnce(&mut Self)) {
        self.path.push(name);
        visit(self);
        self.path.pop();
    }

    fn anchored(&mut self, to: impl Spanned, visit: impl FnOnce(&mut Self)) {
        let outer = mem::replace(&mut self.anchor, line(&to));
        visit(self);
        self.anchor = outer;
    }

    fn function(&mut self, signature: &Signature, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let of = self.of.clone();
        self.within(signature.ident.to_string(), |this| {
            if let Safety::Unsafe(token) = signature.safety {
                // What a trait asks for is said there.
                let invariant = of.map_or_else(
                    || section(attributes),
                    |of| Some(format!("What `{of}::{}` asks for.", signature.ident)),
                );
                this.found(token, this.path.join("::"), Kind::Fn, invariant);
            }
            visit(this);
        });
    }

    /// The `// SAFETY:` comment that ends above this line.
    fn comment(&self, line: usize) -> Option<String> {
        let above = self.lines[..line.saturating_sub(1)].iter().rev().map(|line| line.trim());
        let mut comment: Vec<_> = above.map_while(|line| line.strip_prefix("//")).map(str::trim).collect();
        comment.reverse();
        let start = comment.iter().position(|line| line.starts_with("SAFETY:"))?;
        let text = comment[start..].join(" ").trim_start_matches("SAFETY:").trim().to_owned();
        (!text.is_empty()).then_some(text)
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        let comment = self.comment(line(&block.unsafe_token)).or_else(|| self.comment(self.anchor));
        self.found(block.unsafe_token, self.path.join("::"), Kind::Block, comment);
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        self.anchored(statement, |this| visit::visit_stmt(this, statement));
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        self.anchored(arm, |this| visit::visit_arm(this, arm));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.attrs, |this| visit::visit_item_fn(this, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.attrs, |this| visit::visit_impl_item_fn(this, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.function(&item.sig, &item.attrs, |this| visit::visit_trait_item_fn(this, item));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let of = item.trait_.as_ref().map(|(path, _)| path);
        if let (Some(token), Some(of)) = (item.unsafety, of) {
            let name = format!("{} for {}", text(of), text(&item.self_ty));
            self.found(token, name, Kind::Impl, self.comment(line(item)));
        }
        let outer =
            mem::replace(&mut self.of, of.and_then(|path| path.segments.last()).map(|last| last.ident.to_string()));
        let name = text(&item.self_ty);
        let name = name.split(['<', '\'']).next().unwrap_or_default().to_owned();
        self.within(name, |this| visit::visit_item_impl(this, item));
        self.of = outer;
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        if let Some(token) = item.unsafety {
            self.found(token, item.ident.to_string(), Kind::Trait, section(&item.attrs));
        }
        self.within(item.ident.to_string(), |this| visit::visit_item_trait(this, item));
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.within(item.ident.to_string(), |this| visit::visit_item_mod(this, item));
    }

    /// What a macro expands to, if these are items. (If not, nothing is found, and the count is wrong.)
    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let groups = item.mac.tokens.clone().into_iter().filter_map(|token| match token {
            TokenTree::Group(group) => Some(group.stream()),
            _ => None,
        });
        // Each pattern is followed by its expansion.
        for expansion in groups.skip(1).step_by(2).filter(|_| item.mac.path.is_ident("macro_rules")) {
            if let Ok(file) = syn::parse2(without_dollars(expansion)) {
                self.visit_file(&file);
            }
        }
    }
}

/// Variables become plain names, and repetitions come once.
fn without_dollars(tokens: TokenStream) -> TokenStream {
    let mut tokens = tokens.into_iter();
    let mut plain = TokenStream::new();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '$' => match tokens.next() {
                Some(TokenTree::Group(repeated)) => {
                    plain.extend(without_dollars(repeated.stream()));
                    tokens.next();
                }
                variable => plain.extend(variable),
            },
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_dollars(group.stream()));
                inner.set_span(group.span());
                plain.extend([TokenTree::Group(inner)]);
            }
            token => plain.extend([token]),
        }
    }
    plain
}

fn line(spanned: &impl Spanned) -> usize {
    spanned.span().start().line
}

/// As it is written.
fn text(spanned: &impl Spanned) -> String {
    spanned.span().source_text().unwrap_or_default()
}

/// The section `# Safety` of an item's documentation.
fn section(attributes: &[Attribute]) -> Option<String> {
    let lines: Vec<_> = attributes.iter().filter_map(doc).collect();
    let lines = lines.iter().map(|line| line.trim()).skip_while(|line| *line != "# Safety").skip(1);
    let section: Vec<_> = lines.take_while(|line| !line.starts_with('#')).filter(|line| !line.is_empty()).collect();
    (!section.is_empty()).then(|| section.join(" "))
}

/// A line of documentation.
pub fn doc(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else { return None };
    match &meta.value {
        Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) if meta.path.is_ident("doc") => Some(line.value()),
        _ => None,
    }
}

fn missing(sources: &[Source]) -> Vec<String> {
    let of = |source: &Source| {
        let sites = source.sites.iter().filter(|site| site.invariant.is_none());
        sites.map(|site| format!("{}:{}", source.path, site.line)).collect::<Vec<_>>()
    };
    sources.iter().flat_map(of).collect()
}

fn counts(sources: &[Source]) -> String {
    let of = |kind| sources.iter().flat_map(|source| &source.sites).filter(|site| site.kind == kind).count();
    format!(
        "{} blocks, {} functions, {} implementations of traits, {} declarations of traits",
        of(Kind::Block),
        of(Kind::Fn),
        of(Kind::Impl),
        of(Kind::Trait)
    )
}

fn table(sources: &[Source]) -> String {
    let mut table = format!(
        "# What is unsafe\n\n\
         Made by `cargo xtask unsafe` of the files in src/, with the tests in there: edit these, not this.\n\n\
         In all: {}. (What a macro repeats counts once.)\n\n\
         For each, what it rests on: of a block and an implementation, what its comment `SAFETY` argues; of a function \
         and a declaration, what they ask for.\n",
        counts(sources)
    );
    for Source { path, sites } in sources {
        table += &format!("\n## {path}\n\n| item | unsafe | rests on |\n|---|---|---|\n");
        for Site { item, kind, invariant, .. } in sites {
            table += &format!("| `{item}` | {kind} | {} |\n", escaped(invariant.as_deref().unwrap_or_default()));
        }
    }
    table
}

/// As a cell of a table.
fn escaped(text: &str) -> String {
    let mut cell = String::new();
    for (i, part) in unlinked(text).split('`').enumerate() {
        let special = if i % 2 == 1 { "|" } else { r"\|<>*_[]" };
        cell += if i == 0 { "" } else { "`" };
        for c in part.chars() {
            cell.extend(special.contains(c).then_some('\\'));
            cell.push(c);
        }
    }
    cell
}

/// Without the links to items, which lead nowhere from here: with their texts.
fn unlinked(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        let (name, after) = link.split_once("`]").unwrap_or((link, ""));
        plain += &format!("{before}`{name}`");
        rest = after.strip_prefix('(').and_then(|target| target.split_once(')')).map_or(after, |(_, after)| after);
    }
    plain + rest
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Block => "block",
            Self::Fn => "fn",
            Self::Impl => "impl",
            Self::Trait => "trait",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_up_to_date() {
        let written = fs::read_to_string(root().join(TABLE)).unwrap();
        assert!(written == table(&sources().unwrap()), "{TABLE} is out of date: cargo xtask unsafe");
    }

    #[test]
    fn all_that_is_unsafe_rests_on_something() {
        let missing = missing(&sources().unwrap());
        assert!(missing.is_empty(), "no `// SAFETY:` comment, or no section `# Safety`: {missing:?}");
    }

    /// Items, kinds and invariants, a line each.
    fn found(text: &str) -> String {
        let sites = sites(text).unwrap();
        let shown = |site: &Site| format!("{} {}: {:?}\n", site.kind, site.item, site.invariant.as_deref());
        sites.iter().map(shown).collect()
    }

    #[test]
    fn everything_unsafe_is_found() {
        let text = "
mod m {
    /// A trait.
    ///
    /// # Safety
    ///
    /// Be
    /// careful.
    pub unsafe trait T<X> {
        unsafe fn f();
    }
}
macro_rules! all { ($($a:ty),*) => {$(
    // Not this. (But
    // SAFETY: this, of
    // two lines.)
    unsafe impl T<$a> for S<'_> {
        unsafe fn f() {
            // SAFETY: above the statement.
            let _ = g(
                unsafe { 1 },
                || {
                    unsafe { 2 };
                },
            );
        }
    }
)*}; }
";
        assert_eq!(
            found(text),
            "trait T: Some(\"Be careful.\")
fn m::T::f: None
impl T<$a> for S<'_>: Some(\"this, of two lines.)\")
fn S::f: Some(\"What `T::f` asks for.\")
block S::f: Some(\"above the statement.\")
block S::f: None
"
        );
    }

    #[test]
    fn what_is_in_an_unknown_place_is_an_error() {
        let error = sites("fn f() { assert!(unsafe { g() }); }").err().unwrap();
        assert_eq!(error.to_string(), "it says `unsafe` 1 times, of which 0 are where they are looked for");
    }

    #[test]
    fn cells_have_no_markup_but_code() {
        assert_eq!(escaped("a|b, `c | *d`, *e_"), r"a\|b, `c \| *d`, \*e\_");
        assert_eq!(escaped("as [`f`](Self::f), of [`T`]."), "as `f`, of `T`.");
    }
}
