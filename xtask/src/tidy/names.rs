//! What things may be called.

use syn::visit::{self, Visit};

use super::source::is_test_item;
use super::tree::{Finding, Tree};

/// Every Rust file parses; the other rules would see nothing of it.
pub(super) fn syntax(tree: &Tree) -> Vec<Finding> {
    let broken = tree.rust.iter().filter_map(|file| Some((file, file.syntax.as_ref().err()?)));
    broken.map(|(file, (line, message))| Finding::new(&file.path, *line, message)).collect()
}

/// Accessors have no `get_`, and a type's name says what it is.
pub(super) fn names(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust.iter().filter(|file| !file.is_test()) {
        let Ok(syntax) = &file.syntax else { continue };
        let mut names = Names::default();
        names.visit_file(syntax);
        found.extend(
            names.found.into_iter().map(|(line, message)| Finding::new(&file.path, line, message)),
        );
    }
    found
}

#[derive(Default)]
struct Names {
    found: Vec<(usize, String)>,
}

impl Names {
    fn function(&mut self, visibility: &syn::Visibility, name: &syn::Ident) {
        let private = matches!(visibility, syn::Visibility::Inherited);
        if let (false, Some(short)) = (private, name.to_string().strip_prefix("get_")) {
            self.find(name, format!("`{name}` is called `{short}`"));
        }
    }

    fn type_(&mut self, name: &syn::Ident) {
        let text = name.to_string();
        if let Some(vague) = VAGUE.iter().find(|vague| text.ends_with(**vague)) {
            self.find(name, format!("`{name}`: a {vague} can be anything, name what it is"));
        }
    }

    fn find(&mut self, name: &syn::Ident, message: String) {
        self.found.push((name.span().start().line, message));
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test_item(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.vis, &item.sig.ident);
        visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        // A trait from elsewhere chooses its names itself.
        if item.trait_.is_none() {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.vis, &item.sig.ident);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.type_(&item.ident);
        for member in &item.items {
            if let syn::TraitItem::Fn(function) = member {
                self.function(&item.vis, &function.sig.ident);
            }
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.type_(&item.ident);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.type_(&item.ident);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.type_(&item.ident);
    }
}

const VAGUE: &[&str] =
    &["Manager", "Managers", "Handler", "Handlers", "Util", "Utils", "Helper", "Helpers"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::places;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(places(names, &[("a.rs", text)]), expected);
    }

    #[test]
    fn what_does_not_parse_is_found() {
        assert_eq!(places(syntax, &[("a.rs", "\nfn fn")]), ["a.rs:2"]);
    }

    #[test]
    fn accessors_without_get() {
        check("pub fn get_a() {}", &["a.rs:1"]);
        check("impl A {\n    pub(crate) fn get_a(&self) {}\n}", &["a.rs:2"]);
        check("pub trait A {\n    fn get_a(&self);\n}", &["a.rs:2"]);
        check("impl B for A {\n    fn get_a(&self) {}\n}\nfn get_b() {}\npub fn get() {}", &[]);
    }

    #[test]
    fn types_with_a_meaning() {
        for vague in VAGUE {
            check(&format!("struct A{vague};"), &["a.rs:1"]);
            check(&format!("enum A{vague} {{}}"), &["a.rs:1"]);
            check(&format!("trait A{vague} {{}}"), &["a.rs:1"]);
            check(&format!("struct {vague}dA;"), &[]);
        }
    }
}
