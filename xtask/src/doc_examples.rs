//! Every public item of the crate shows its use: by an example, or by naming an item that does.

use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, ImplItemFn, ItemEnum, ItemImpl, ItemStruct, ItemType, Visibility};

use crate::cmd::files;
use crate::unsafe_table::doc;

/// What is public in these cannot be named outside, or is there for bounds only.
const INTERNAL: &[&str] = &[
    "src/entry.rs",
    "src/sync.rs",
    "src/storage/seam.rs",
    "src/storage/heap.rs",
    "src/storage/heap/index.rs",
    "src/storage/inline.rs",
    "src/storage/inline/index.rs",
];

/// The items without, each with its file.
#[derive(Default)]
struct Silent {
    file: String,
    items: Vec<String>,
}

impl Silent {
    fn look(&mut self, visibility: &Visibility, name: &syn::Ident, attributes: &[Attribute]) {
        if !matches!(visibility, Visibility::Public(_)) {
            return;
        }
        let docs: String = attributes.iter().filter_map(doc).collect();
        let names_another =
            ["TwinMap", "Pinned", "SyncMap", "FixedMap"].iter().any(|map| docs.contains(&format!("{map}::")));
        if !docs.contains("```") && !names_another {
            self.items.push(format!("{}: {name}", self.file));
        }
    }
}

impl<'ast> Visit<'ast> for Silent {
    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.look(&item.vis, &item.ident, &item.attrs);
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        self.look(&item.vis, &item.ident, &item.attrs);
    }

    fn visit_item_type(&mut self, item: &'ast ItemType) {
        self.look(&item.vis, &item.ident, &item.attrs);
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if item.trait_.is_none() {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        match item {
            ImplItem::Fn(function) => self.look(&function.vis, &function.sig.ident, &function.attrs),
            // `const_fn!`, around one.
            ImplItem::Macro(item) => {
                if let Ok(function) = item.mac.parse_body::<ImplItemFn>() {
                    self.look(&function.vis, &function.sig.ident, &function.attrs);
                }
            }
            _ => {}
        }
    }
}

#[test]
fn every_public_item_shows_its_use() {
    let mut silent = Silent::default();
    for (file, text) in files("src").unwrap() {
        if !INTERNAL.contains(&&*file) {
            silent.file = file;
            silent.visit_file(&syn::parse_file(&text).unwrap());
        }
    }
    assert_eq!(silent.items, [""; 0], "neither an example nor the name of an item that has one");
}
