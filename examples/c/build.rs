//! Writes the header. The build fails if the one that was there is out of date: C may have been compiled with that.

use std::fs;

use cbindgen::{Builder, Config, DocumentationStyle, EnumConfig, Language, RenameRule, Style};

const HEADER: &str = "include/twinmap_u32.h";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/lib.rs");
    println!("cargo::rerun-if-changed={HEADER}");
    let config = Config {
        language: Language::C,
        cpp_compat: true,
        documentation_style: DocumentationStyle::C99,
        enumeration: EnumConfig { rename_variants: RenameRule::QualifiedScreamingSnakeCase, ..Default::default() },
        header: Some("// Written by build.rs, of src/lib.rs.".to_owned()),
        no_includes: true,
        pragma_once: true,
        style: Style::Type,
        sys_includes: vec!["stddef.h".to_owned(), "stdint.h".to_owned()],
        usize_is_size_t: true,
        ..Default::default()
    };
    let bindings =
        Builder::new().with_src("src/lib.rs").with_config(config).generate().expect("src/lib.rs has a C interface");
    let mut header = Vec::new();
    bindings.write(&mut header);
    if fs::read(HEADER).ok().as_ref() != Some(&header) {
        fs::write(HEADER, header).expect("the header can be written");
        panic!("{HEADER} was out of date, and is written anew: build again");
    }
}
